import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { toProblem, type VerifyProblem } from './report.js';

export interface JournalChunk {
  readonly transfers: number;
  /** Where the next chunk begins, past positions that no row has; undefined after the last row. */
  readonly nextAfter: bigint | undefined;
  readonly problems: readonly VerifyProblem[];
}

/** Rows of a range of positions, of journal and events, whose accounts do not exist in this ledger. */
export async function checkPositions(
  transaction: TransactionAdapter,
  { schema }: Store,
  ledger: number,
  { after, upTo }: { readonly after: bigint; readonly upTo: bigint },
): Promise<JournalChunk> {
  const range = [ledger, String(after), String(upTo)];
  const { rows: counted } = await transaction.executeSql(
    `select count(*)::text as transfers,
       (select min(position) - 1 from ${schema}.transfers where position > $3::bigint)::text as next_after
     from ${schema}.transfers where ledger = $1 and position > $2::bigint and position <= $3::bigint`,
    range,
  );
  const { rows } = await transaction.executeSql(
    `select 'unknown_account' as kind, side.account_id, t.id as transfer_id,
       'an account of this ledger' as expected, 'none' as found
     from ${schema}.transfers t
     cross join lateral (values (t.from_account), (t.to_account)) side(account_id)
     where t.ledger = $1 and t.position > $2::bigint and t.position <= $3::bigint
       and not exists (
         select from ${schema}.accounts a where a.ledger = t.ledger and a.id = side.account_id)`,
    range,
  );
  const next = counted[0]?.next_after;
  return {
    transfers: Number(counted[0]?.transfers),
    nextAfter: typeof next === 'string' ? BigInt(next) : undefined,
    problems: rows.map(toProblem),
  };
}
