import type { AccountId } from '../domain/accounts/account.js';
import { result } from '../domain/json/result.js';
import type { Entry, TransferId, TransferKind } from '../domain/transfers/transfer.js';
import { epochMs, type Row } from '../postgres/balances.js';
import { toMetadata } from '../postgres/journal.js';
import { ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore } from '../postgres/store.js';
import { blockOf } from './version-blocks.js';

/** Columns of the view of entries, as texts. */
export const ENTRY_COLUMNS = `account_id, transfer_id, group_id, kind::text, direction, counterparty, amount::text, currency,
  description, metadata::text, reference, version::text, posted::text, pending_in::text, pending_out::text,
  ${epochMs('recorded_at')} as recorded_ms, ${epochMs('effective_at')} as effective_ms`;

const VERSION_MAX = 2n ** 63n - 1n;

/**
 * Entries of one account below a version, newest first, from each side of the journal by its own index. A
 * bare `version` in its order would be the text that is selected, where 9 comes after 10.
 */
export async function listEntries(
  { sql, schema, ledger }: LedgerStore,
  accountId: AccountId,
  { before, limit }: { readonly before: bigint | undefined; readonly limit: number },
): Promise<readonly Entry[]> {
  const { rows } = await sql.executeSql(
    `select ${ENTRY_COLUMNS}
     from ${schema}.entries e
     where account_id = $2 and ${ofLedger('e.')} and e.version < $4 and ${blockOf('e.version')} <= ${blockOf('$4::bigint')}
     order by ${blockOf('e.version')} desc, e.version desc limit $3`,
    [ledger, accountId, limit, String(before ?? VERSION_MAX)],
  );
  return rows.map(toEntry);
}

export function toEntry(row: Row): Entry {
  const recordedAt = new Date(Number(row.recorded_ms));
  return result({
    accountId: row.account_id as AccountId,
    transferId: row.transfer_id as TransferId,
    groupId: row.group_id as TransferId | null,
    kind: row.kind as TransferKind,
    direction: row.direction as 'debit' | 'credit',
    counterparty: row.counterparty as AccountId,
    amount: BigInt(row.amount as string),
    currency: row.currency as string,
    description: row.description as string | null,
    metadata: toMetadata(row.metadata),
    reference: row.reference as string | null,
    recordedAt,
    effectiveAt: row.effective_ms === null ? recordedAt : new Date(Number(row.effective_ms)),
    posted: BigInt(row.posted as string),
    pendingIn: BigInt(row.pending_in as string),
    pendingOut: BigInt(row.pending_out as string),
    version: BigInt(row.version as string),
  });
}
