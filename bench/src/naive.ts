import { createHash, randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { type Book, CURRENCY, randomMovement } from './book.js';

interface LockedBalance {
  readonly account_id: string;
  readonly version: string;
  readonly recorded_at: Date;
  readonly minimum: string | null;
  readonly debits: string;
  readonly credits: string;
}

/**
 * Posts one transfer as a service does that knows nothing of the engine: a database transaction of its own that locks
 * both balances, looks for the key, writes the same journal row and updates the balances, one statement after the
 * other. Statements are prepared, the same checks hold, and `verify` finds its rows in order.
 */
export function postNaively(book: Book, hot: boolean): () => Promise<unknown> {
  return async () => {
    const movement = randomMovement(book, hot);
    const client = await book.pool.connect();
    try {
      await client.query('begin');
      await post(client, book.ledgerId, { ...movement, key: randomUUID() });
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  };
}

async function post(
  client: PoolClient,
  ledgerId: number,
  movement: { from: string; to: string; amount: bigint; key: string },
): Promise<void> {
  const { from, to, amount, key } = movement;
  const locked = await client.query<LockedBalance>({
    name: 'naive_lock',
    text: `select account_id, version, recorded_at, minimum::text, debits_posted::text as debits,
        credits_posted::text as credits
      from micropay.balances where ledger = $1 and account_id = any($2::uuid[])
      order by account_id for no key update`,
    values: [ledgerId, [from, to]],
  });
  const keyHash = hash(key).toString('hex', 0, 16);
  const known = await client.query({
    name: 'naive_key',
    text: `select position from micropay.transfer_keys where key = $2 and ledger = $1 and kind = 'idempotency'`,
    values: [ledgerId, keyHash],
  });
  if (known.rows.length > 0) throw new Error(`the key ${key} was used before`);

  const payer = locked.rows.find((row) => row.account_id === from);
  const payee = locked.rows.find((row) => row.account_id === to);
  if (payer === undefined || payee === undefined) throw new Error('there is no such account');
  const fromPosted = BigInt(payer.credits) - BigInt(payer.debits) - amount;
  const toPosted = BigInt(payee.credits) - BigInt(payee.debits) + amount;
  if (payer.minimum !== null && fromPosted < BigInt(payer.minimum)) throw new Error('too little money');
  const recordedAt = new Date(Math.max(Date.now(), payer.recorded_at.getTime(), payee.recorded_at.getTime()));

  await client.query({
    name: 'naive_insert',
    text: `with journal as (insert into micropay.transfers (ledger, kind, id, from_account, to_account, amount, currency, recorded_at,
        from_version, from_posted, to_version, to_posted, idempotency_hash, request_hash)
      values ($1, 'transfer', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning position)
      insert into micropay.transfer_keys (position, ledger, key, kind) select position, $1, $12, 'idempotency' from journal`,
    values: [
      ledgerId,
      timeOrderedId(),
      from,
      to,
      amount,
      CURRENCY,
      recordedAt,
      BigInt(payer.version) + 1n,
      fromPosted,
      BigInt(payee.version) + 1n,
      toPosted,
      keyHash,
      hash(`${from} ${to} ${amount} ${CURRENCY}`).readBigInt64BE(0),
    ],
  });
  await client.query({
    name: 'naive_update',
    text: `update micropay.balances set version = version + 1, recorded_at = $2,
        debits_posted = debits_posted + case when account_id = $3 then $5::numeric else 0 end,
        credits_posted = credits_posted + case when account_id = $4 then $5::numeric else 0 end
      where ledger = $1 and account_id in ($3, $4)`,
    values: [ledgerId, recordedAt, from, to, amount],
  });
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A UUIDv7, because a random key would cost the journal's index more than the engine's does. */
function timeOrderedId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
