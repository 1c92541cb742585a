import type { AccountId } from '../domain/accounts/account.js';
import type { Entry } from '../domain/transfers/transfer.js';
import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { MOVING } from './dated.js';
import { ENTRY_COLUMNS, toEntry } from './entries.js';
import { blockOf } from './version-blocks.js';

/** Entries that move posted money, of one account, with versions after one and up to another. */
export interface StatementRange {
  readonly accountId: AccountId;
  readonly afterVersion: bigint;
  readonly throughVersion: bigint;
  readonly limit: number;
}

/** In the order in which they were recorded. */
export async function listRecorded(
  transaction: TransactionAdapter,
  { schema }: Store,
  ledger: number,
  { accountId, afterVersion, throughVersion, limit }: StatementRange,
  condition = 'true',
): Promise<readonly Entry[]> {
  const { rows } = await transaction.executeSql(
    `select ${ENTRY_COLUMNS} from ${schema}.entries e
     where account_id = $2 and (e.ledger = $1) is true and e.version > $3 and e.version <= $4
       and ${blockOf('e.version')} between ${blockOf('$3::bigint')} and ${blockOf('$4::bigint')} and ${MOVING} and ${condition}
     order by ${blockOf('e.version')}, e.version limit $5`,
    [ledger, accountId, String(afterVersion), String(throughVersion), limit],
  );
  return rows.map(toEntry);
}

/** Those that count when they are recorded. */
export function listOnTime(
  transaction: TransactionAdapter,
  store: Store,
  ledger: number,
  range: StatementRange,
): Promise<readonly Entry[]> {
  return listRecorded(transaction, store, ledger, range, 'effective_at is null');
}

/** Dated ones in effective order, after an instant and a version, and before an instant. */
export async function listDated(
  transaction: TransactionAdapter,
  { schema }: Store,
  ledger: number,
  { accountId, afterVersion, throughVersion, limit }: StatementRange,
  { after, before }: { readonly after: Date; readonly before: Date },
): Promise<readonly Entry[]> {
  const { rows } = await transaction.executeSql(
    `select ${ENTRY_COLUMNS} from ${schema}.entries e
     where account_id = $2 and (e.ledger = $1) is true and e.version + 0 <= $4 and ${MOVING}
       and e.effective_at >= $6 and e.effective_at < $7 and (e.effective_at > $6 or e.version > $3)
     order by e.effective_at, e.version limit $5`,
    [ledger, accountId, String(afterVersion), String(throughVersion), limit, after.toISOString(), before.toISOString()],
  );
  return rows.map(toEntry);
}
