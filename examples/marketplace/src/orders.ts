import { allocate, type Ledger, type LedgerInTransaction } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import type { Pool, PoolClient } from 'pg';

const TABLES = `
create table if not exists orders (
  id text primary key,
  currency text not null
);
create table if not exists shares (
  order_id text not null references orders (id),
  position integer not null,
  payee text not null,
  amount numeric(38, 0) not null,
  refunded numeric(38, 0) not null default 0 check (refunded between 0 and amount),
  transfer_id uuid not null,
  primary key (order_id, position)
);
create table if not exists refunds (
  order_id text not null references orders (id),
  id text not null,
  amount numeric(38, 0) not null,
  primary key (order_id, id)
);`;

/** The application's database, which is the ledger's too. */
export interface Marketplace {
  readonly ledger: Ledger;
  readonly pool: Pool;
}

export interface Payee {
  /** Address of the account that gets the share. */
  readonly account: string;
  /** In proportion to the other payees' weights. */
  readonly weight: string;
}

export interface Order {
  readonly id: string;
  readonly buyer: string;
  readonly payees: readonly Payee[];
  readonly amount: bigint;
  readonly currency: string;
}

export interface Share {
  readonly payee: string;
  readonly amount: bigint;
  readonly refunded: bigint;
  readonly transferId: string;
}

export async function createTables(pool: Pool): Promise<void> {
  await pool.query(TABLES);
}

/** Pays everybody their share of one payment, or nobody; the order and its shares commit with the transfers. */
export function payOrder(marketplace: Marketplace, order: Order): Promise<readonly Share[]> {
  return inTransaction(marketplace, async (client, { transfers }) => {
    const { id, buyer, payees, amount, currency } = order;
    const { rowCount } = await client.query('insert into orders values ($1, $2) on conflict do nothing', [
      id,
      currency,
    ]);
    if (rowCount === 0) return sharesOf(client, id);

    const amounts = allocate(
      amount,
      payees.map(({ weight }) => weight),
    );
    const legs = payees
      .map(({ account }, index) => ({
        from: buyer,
        to: account,
        amount: amounts[index] ?? 0n,
        currency,
        metadata: { order: id },
      }))
      .filter((leg) => leg.amount > 0n);
    const posted = await transfers.postLinked(legs, { idempotencyKey: `order-${id}` });
    for (const [position, leg] of legs.entries()) {
      await client.query(
        'insert into shares (order_id, position, payee, amount, transfer_id) values ($1, $2, $3, $4, $5)',
        [id, position, leg.to, leg.amount, posted[position]?.id],
      );
    }
    return sharesOf(client, id);
  });
}

/**
 * Gives the buyer a part of the payment back, each payee their share of it. The part is split by what is left of the
 * shares, so refunds never take more from a payee than they got, and the last one ends at zero.
 */
export function refundOrder(
  marketplace: Marketplace,
  { order, refund, amount }: { readonly order: string; readonly refund: string; readonly amount: bigint },
): Promise<readonly Share[]> {
  return inTransaction(marketplace, async (client, { transfers }) => {
    // One refund of an order at a time: the next one reads what this one leaves.
    await client.query('select from orders where id = $1 for update', [order]);
    const { rows } = await client.query('select amount from refunds where order_id = $1 and id = $2', [order, refund]);
    const shares = await sharesOf(client, order);
    if (rows[0] !== undefined) {
      if (BigInt(rows[0].amount) !== amount) throw new Error(`refund ${refund} was of another amount`);
      return shares;
    }

    const left = shares.map((share) => share.amount - share.refunded);
    const leftInAll = left.reduce((sum, part) => sum + part, 0n);
    if (amount > leftInAll) throw new Error(`only ${leftInAll} of order ${order} can still be refunded`);
    const parts = allocate(amount, left);
    const legs = shares
      .map(({ transferId }, index) => ({ kind: 'reversal', transfer: transferId, amount: parts[index] ?? 0n }) as const)
      .filter((leg) => leg.amount > 0n);
    await transfers.postLinked(legs, { idempotencyKey: `refund-${order}-${refund}` });
    await client.query('insert into refunds values ($1, $2, $3)', [order, refund, amount]);
    for (const [position, part] of parts.entries()) {
      await client.query('update shares set refunded = refunded + $3 where order_id = $1 and position = $2', [
        order,
        position,
        part,
      ]);
    }
    return sharesOf(client, order);
  });
}

async function sharesOf(client: PoolClient, order: string): Promise<readonly Share[]> {
  const { rows } = await client.query(
    'select payee, amount, refunded, transfer_id from shares where order_id = $1 order by position',
    [order],
  );
  return rows.map(({ payee, amount, refunded, transfer_id: transferId }) => ({
    payee,
    amount: BigInt(amount),
    refunded: BigInt(refunded),
    transferId,
  }));
}

async function inTransaction<Result>(
  { ledger, pool }: Marketplace,
  work: (client: PoolClient, inside: LedgerInTransaction) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client, ledger.within(fromPg(client)));
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
