import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { transferOfId } from '../postgres/transfer-keys.js';
import { toProblem, type VerifyProblem } from './report.js';

export interface RequestChunk {
  /** The next chunk begins after this request; undefined after the last one. */
  readonly lastRequest: string | undefined;
  readonly problems: readonly VerifyProblem[];
}

/**
 * Holds transfer requests after `after`, in order of id, against the journal: one that says it is posted has its
 * transfer. A refused one may have one too, when its caller has posted the same later by another way.
 */
export async function checkRequests(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<RequestChunk> {
  const { rows } = await sql.executeSql(
    `select r.id, r.transfer_id, r.state = 'posted' and t.id is null as is_wrong
     from (
       select * from ${schema}.transfer_requests where ledger = $1 and ($2::uuid is null or id > $2) order by id limit $3
     ) r
     left join ${transferOfId({ schema }, 'r.transfer_id', 't.idempotency_hash = r.idempotency_hash')} t on true
     order by r.id`,
    [ledger, after, limit],
  );
  const problems = rows
    .filter(({ is_wrong }) => is_wrong === true)
    .map(({ id, transfer_id }) =>
      toProblem({
        kind: 'request_out_of_step',
        account_id: null,
        transfer_id,
        expected: `the transfer of request ${id}`,
        found: 'none',
      }),
    );
  const isLast = rows.length < limit;
  return { lastRequest: isLast ? undefined : String(rows.at(-1)?.id), problems };
}
