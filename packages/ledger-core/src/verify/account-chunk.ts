import { accountsInOrder, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';

/** A stretch of one account's history, and what came out of the stretches before it. */
export interface AccountPart {
  readonly id: string;
  readonly is_first: boolean;
  /** Entries after this version … */
  readonly after: string;
  /** … up to this one. */
  readonly up_to: string;
  /** The last version that was seen; the next entry continues it. */
  readonly version: string;
  readonly posted: string;
  readonly pending_in: string;
  readonly pending_out: string;
  readonly recorded_at: string | null;
  readonly position: string;
  readonly debits: string;
  readonly credits: string;
}

const VERSION_MIN = -(2n ** 63n);
/** An account with this many entries more than its balance's version says counts as long. */
const ENTRIES_BEYOND_CLAIM = 10n;

/** The beginning of an account's history, at most `entries` of it. */
function firstPart(id: string, entries: bigint): AccountPart {
  return {
    id,
    is_first: true,
    after: VERSION_MIN.toString(),
    up_to: entries.toString(),
    version: '0',
    posted: '0',
    pending_in: '0',
    pending_out: '0',
    recorded_at: null,
    position: '0',
    debits: '0',
    credits: '0',
  };
}

/** The next part of a long account, if there is one; a gap in the versions is skipped in one step. */
export function nextPart(part: AccountPart, nextVersion: string, entries: number): AccountPart {
  const after = BigInt(nextVersion) - 1n;
  return { ...part, after: after.toString(), up_to: (after + BigInt(entries)).toString() };
}

interface AccountChunk {
  readonly parts: readonly AccountPart[];
  /** The next chunk begins after this account; undefined after the last one. */
  readonly lastAccount: string | undefined;
}

/**
 * The accounts after `after`, in order of id: at least one, and as many as have together no more entries than
 * their balances claim. A balance that claims too few costs nothing but another part.
 */
export async function pickAccounts(
  { sql, schema, ledger }: LedgerStore,
  { after, accounts, entries }: { readonly after: string | null; readonly accounts: number; readonly entries: number },
): Promise<AccountChunk> {
  const { rows } = await sql.executeSql(
    `select a.id, coalesce(b.version, 0)::text as version
     from ${schema}.accounts a left join ${probe(`${schema}.balances`, 'ledger = $1 and account_id = a.id')} b on true
     where ${ofLedger('a.')} and ${accountsInOrder('a.')} and ($2::uuid is null or a.id > $2) order by a.id limit $3`,
    [ledger, after, accounts],
  );
  const parts: AccountPart[] = [];
  let claimed = 0n;
  for (const { id, version } of rows) {
    const claim = BigInt(String(version)) + ENTRIES_BEYOND_CLAIM;
    claimed += claim;
    if (parts.length > 0 && claimed > BigInt(entries)) break;
    parts.push(firstPart(String(id), claim < BigInt(entries) ? claim : BigInt(entries)));
  }
  const isLast = parts.length === rows.length && rows.length < accounts;
  return { parts, lastAccount: isLast ? undefined : parts.at(-1)?.id };
}
