import type { AccountId } from '../domain/accounts/account.js';
import type { Entry } from '../domain/transfers/transfer.js';
import { ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
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
  { sql, schema, ledger }: LedgerStore,
  { accountId, afterVersion, throughVersion, limit }: StatementRange,
  condition = 'true',
): Promise<readonly Entry[]> {
  const { rows } = await sql.executeSql(
    `select ${ENTRY_COLUMNS} from ${schema}.entries e
     where account_id = $2 and ${ofLedger('e.')} and e.version > $3 and e.version <= $4
       and ${blockOf('e.version')} between ${blockOf('$3::bigint')} and ${blockOf('$4::bigint')} and ${MOVING} and ${condition}
     order by ${blockOf('e.version')}, e.version limit $5`,
    [ledger, accountId, String(afterVersion), String(throughVersion), limit],
  );
  return rows.map(toEntry);
}

/** Those that count when they are recorded. */
export function listOnTime(store: LedgerStore, range: StatementRange): Promise<readonly Entry[]> {
  return listRecorded(store, range, 'effective_at is null');
}

/** Dated ones in effective order, after an instant and a version, and before an instant. */
export async function listDated(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { accountId, afterVersion, throughVersion, limit }: StatementRange,
  { after, before }: { readonly after: Date; readonly before: Date },
): Promise<readonly Entry[]> {
  const { rows } = await sql.executeSql(
    `select ${ENTRY_COLUMNS} from ${schema}.entries e
     where account_id = $2 and ${ofLedger('e.')} and e.version + 0 <= $4 and ${MOVING}
       and e.effective_at >= $6 and e.effective_at < $7 and (e.effective_at > $6 or e.version > $3)
     order by e.effective_at, e.version limit $5`,
    [ledger, accountId, String(afterVersion), String(throughVersion), limit, after.toISOString(), before.toISOString()],
  );
  return rows.map(toEntry);
}
