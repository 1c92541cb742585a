import type { AccountId, Ledger, TransferKind } from '@micropay/ledger-core';
import type { TestBed } from './test-bed.js';

/** A row of the journal as a test makes it up. */
export interface MadeRow {
  readonly from: number;
  readonly to: number;
  readonly amount: bigint;
  readonly kind: TransferKind;
  readonly recordedMs: number;
  /** Null for what counts when it is recorded. */
  readonly effectiveMs: number | null;
}

/** Accounts `0`, `1`, … whose journal a test writes by SQL, as the engine would: with any times, quickly. */
export interface MadeJournal {
  readonly rows: MadeRow[];
  write(rows: readonly MadeRow[]): Promise<void>;
}

const MOVING: ReadonlySet<TransferKind> = new Set(['transfer', 'capture', 'reversal']);

export function moves({ kind }: MadeRow): boolean {
  return MOVING.has(kind);
}

/** Odd accounts are assets, even ones liabilities. */
export async function makeJournal(bed: TestBed, ledger: Ledger, accounts: number): Promise<MadeJournal> {
  const made: { id: AccountId; version: number; posted: bigint; debits: bigint; credits: bigint }[] = [];
  for (let index = 0; index < accounts; index += 1) {
    const type = index % 2 === 1 ? 'asset' : 'liability';
    const { id } = await ledger.accounts.open({ address: String(index), currency: 'USD', type, minimum: null });
    made.push({ id, version: 0, posted: 0n, debits: 0n, credits: 0n });
  }
  const [own] = await bed.sql<{ id: number }>('select id from micropay.ledgers where name = $1', [ledger.name]);
  const rows: MadeRow[] = [];

  function side(index: number, row: MadeRow, direction: 'debit' | 'credit') {
    const account = made[index];
    if (account === undefined) throw new Error(`no account ${index}`);
    account.version += 1;
    const amount = moves(row) ? row.amount : 0n;
    if (direction === 'debit') account.debits += amount;
    else account.credits += amount;
    account.posted = index % 2 === 1 ? account.debits - account.credits : account.credits - account.debits;
    return { id: account.id, version: account.version, posted: String(account.posted) };
  }

  return {
    rows,
    async write(added) {
      const written = added.map((row) => ({
        kind: row.kind,
        amount: String(row.amount),
        recorded: new Date(row.recordedMs).toISOString(),
        effective: row.effectiveMs === null ? null : new Date(row.effectiveMs).toISOString(),
        from: side(row.from, row, 'debit'),
        to: side(row.to, row, 'credit'),
      }));
      await bed.sql(
        `insert into micropay.transfers (recorded_at, effective_at, from_version, to_version, ledger, kind, id,
           from_account, to_account, currency, amount, from_posted, to_posted)
         select recorded, effective, ("from"->>'version')::bigint, ("to"->>'version')::bigint, $2, kind::micropay.transfer_kind,
           gen_random_uuid(), ("from"->>'id')::uuid, ("to"->>'id')::uuid, 'USD', amount,
           ("from"->>'posted')::numeric, ("to"->>'posted')::numeric
         from json_to_recordset($1) as row (recorded timestamptz, effective timestamptz, kind text, amount numeric,
           "from" json, "to" json)`,
        [JSON.stringify(written), own?.id],
      );
      for (const { id, version, debits, credits } of made) {
        await bed.sql(
          `update micropay.balances set version = $2, debits_posted = $3, credits_posted = $4 where account_id = $1`,
          [id, version, String(debits), String(credits)],
        );
      }
      rows.push(...added);
    },
  };
}
