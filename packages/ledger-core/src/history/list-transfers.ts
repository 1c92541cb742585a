import type { AccountId } from '../domain/accounts/account.js';
import type { KeyDigest } from '../domain/transfers/idempotency.js';
import type { Transfer } from '../domain/transfers/transfer.js';
import type { ListOrder } from '../domain/transfers/transfer-filter.js';
import { plainArray } from '../postgres/arrays.js';
import type { Row } from '../postgres/balances.js';
import { TRANSFER_COLUMNS, toTransfer } from '../postgres/journal.js';
import { IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import { transferOfKey } from '../postgres/transfer-keys.js';
import { findBlocksBefore } from './account-blocks.js';
import { conditionsOf, Parameters, type ResolvedTransferFilter } from './transfer-conditions.js';
import { BLOCK_VERSIONS, blockOf } from './version-blocks.js';

/** By what the rows of a list are found: each has an index in which they stand in the order of the list. */
export type FoundBy =
  | { readonly by: 'key'; readonly key: KeyDigest }
  | { readonly by: 'group' }
  | { readonly by: 'reference' }
  | { readonly by: 'accounts'; readonly accounts: readonly AccountId[] }
  | { readonly by: 'ledger' };

/** A page of a list: the rows after a place of it, up to a position that is settled. */
export interface TransferRange {
  readonly filter: ResolvedTransferFilter;
  readonly foundBy: FoundBy;
  readonly order: ListOrder;
  /** The position after which, in the order of the list, the page begins. */
  readonly after: bigint | undefined;
  /** The last position of the list; undefined for no such bound. */
  readonly through: bigint | undefined;
  readonly limit: number;
}

/** Rows of a list, and the position up to which it was searched; null for to its end. */
export interface TransferRows {
  readonly rows: readonly { readonly transfer: Transfer; readonly position: bigint }[];
  readonly searchedTo: bigint | null;
}

/**
 * A page looks at no more rows than this, but for those that it shows and the rest of the blocks of versions that they are in: where
 * few of them meet the filter it has fewer rows than its limit, or none, and the cursor of the next. So no page takes long, however
 * rare what is looked for.
 */
const ROWS_SEARCHED_MAX = 1_000;

/**
 * One statement, so that the rows that meet the filter and the place up to which it has looked are of one moment. For several accounts
 * it looks at about the same number of rows of each, and answers as far as it has seen all of them.
 */
export async function listTransfers(store: LedgerStore, range: TransferRange): Promise<TransferRows> {
  const { schema, ledger, sql } = store;
  const parameters = new Parameters();
  parameters.add(ledger, 'integer');
  const { order, limit } = range;
  const conditions = [...conditionsOf(range.filter, schema, parameters), ...onceConditions(range, parameters)];
  const isNewest = order === 'newest';
  const parts = range.foundBy.by === 'accounts' ? range.foundBy.accounts.length : 1;
  const searched = isFound(range) ? limit : Math.max(limit, Math.floor(ROWS_SEARCHED_MAX / parts));
  const found = await foundRows(store, range, { parameters, searched });
  const direction = isNewest ? 'desc' : 'asc';
  const [last, furthest, within] = isNewest ? ['min', 'max', '>='] : ['max', 'min', '<='];
  const goesOn = range.foundBy.by === 'accounts' ? 'bool_or(goes_on)' : `count(*) >= ${searched}`;
  const { rows } = await sql.executeSql(
    `with searched as materialized (${found}),
     edge as (
       select ${furthest}(position) as position from (
         select ${last}(position) as position from searched group by part having ${goesOn}) part
     )
     select edge.position::text as searched_to, t.*
     from edge left join lateral (
       select t.position::text as row_position, ${TRANSFER_COLUMNS} from searched t
       where (edge.position is null or t.position ${within} edge.position) and ${['true', ...conditions].join(' and ')}
       order by t.position ${direction} limit ${limit}) t on true
     order by t.row_position::bigint ${direction}`,
    parameters.values,
  );
  return {
    rows: rows.filter(({ id }) => id !== null).map(toPlacedTransfer),
    searchedTo: rows[0]?.searched_to === null ? null : BigInt(String(rows[0]?.searched_to)),
  };
}

/** Whether every row that is looked at meets the filter, because it was found by all that the filter says. */
function isFound({ filter, foundBy }: TransferRange): boolean {
  const found = { ...FOUND_BY[foundBy.by], accounts: foundBy.by === 'accounts' };
  return Object.entries(filter).every(
    ([name, value]) => value === undefined || found[name as keyof typeof found] === true,
  );
}

const FOUND_BY = {
  key: {},
  ledger: {},
  group: { groupId: true },
  reference: { reference: true },
  accounts: { recordedFrom: true, recordedTo: true },
} as const satisfies Readonly<Record<FoundBy['by'], { readonly [Name in keyof ResolvedTransferFilter]?: true }>>;

/** A transfer between two of the accounts is found from both sides, and shown from the one that pays. */
function onceConditions({ foundBy }: TransferRange, parameters: Parameters): readonly string[] {
  if (foundBy.by !== 'accounts' || foundBy.accounts.length === 1) return [];
  return [`not (t.is_received and t.from_account = any(${parameters.add(plainArray(foundBy.accounts), 'uuid[]')}))`];
}

function toPlacedTransfer(row: Row) {
  return { transfer: toTransfer(row), position: BigInt(String(row.row_position)) };
}

interface Search {
  readonly parameters: Parameters;
  /** Rows to look at, of each part. */
  readonly searched: number;
}

async function foundRows(store: LedgerStore, range: TransferRange, search: Search): Promise<string> {
  const { schema } = store;
  const { foundBy, filter, order } = range;
  const { parameters, searched } = search;
  // Made where it is named: a statement must name each of its values.
  const place = () => placeConditions(range, parameters).join(' and ');
  const inOrder = `order by t.position ${order === 'newest' ? 'desc' : 'asc'} limit ${searched}`;
  switch (foundBy.by) {
    case 'key':
      return `select 1 as part, t.* from ${transferOfKey(store, 'idempotency', parameters.add(foundBy.key, 'uuid'))} t where ${place()}`;
    case 'group':
      return `select 1 as part, t.* from ${schema}.transfers t
        where ${ofLedger('t.')} and t.group_id = ${parameters.add(filter.groupId, 'uuid')} and ${place()} ${inOrder}`;
    case 'reference':
      return `select 1 as part, t.* from ${schema}.transfers t
        where ${ofLedger('t.')} and t.reference = ${parameters.add(filter.reference, 'text')} and ${place()} ${inOrder}`;
    case 'accounts':
      return rowsOfAccounts(store, range, foundBy.accounts, search);
    case 'ledger':
      return `select 1 as part, t.* from ${schema}.transfers t
        where ${ofLedger('t.')} and t.${IN_LEDGER_ORDER} and t.position > 0 and t.position < ${parameters.add(String(POSITION_BOUND), 'bigint')} and ${place()} ${inOrder}`;
  }
}

/** Where in the list the page lies. */
function placeConditions({ order, after, through }: TransferRange, parameters: Parameters): readonly string[] {
  const conditions = ['true'];
  const position = (value: bigint) => parameters.add(String(value), 'bigint');
  if (after !== undefined) conditions.push(`t.position ${order === 'newest' ? '<' : '>'} ${position(after)}`);
  if (through !== undefined) conditions.push(`t.position <= ${position(through)}`);
  return conditions;
}

/**
 * The newest or oldest rows of each account, from both sides. Versions of an account have no gap, so the rows to look at are those in so
 * many blocks of them: whatever the plan, no more are read. The statement says once what holds for every account: said for each,
 * PostgreSQL would plan two reads of every partition for each of them, which takes seconds.
 */
async function rowsOfAccounts(
  store: LedgerStore,
  range: TransferRange,
  accounts: readonly AccountId[],
  { parameters, searched }: Search,
): Promise<string> {
  const { schema } = store;
  const { lows, highs } = await blocksOf(store, range, accounts);
  const place = [...placeConditions(range, parameters), ...recordedConditions(range, parameters)].join(' and ');
  const ids = parameters.add(plainArray(accounts), 'uuid[]');
  const low = parameters.add(plainArray(lows ?? accounts.map(() => 0)), 'bigint[]');
  const high = parameters.add(plainArray(highs ?? accounts.map(() => BLOCK_MAX)), 'bigint[]');
  // The first block may be in part on the page before.
  const blocks = Math.ceil(searched / BLOCK_VERSIONS);
  const page =
    range.order === 'newest'
      ? `greatest(low, high - ${blocks}) as low, high, high - ${blocks} > low as goes_on`
      : `low, least(high, low + ${blocks}) as high, low + ${blocks} < high as goes_on`;
  const side = (name: 'from' | 'to') =>
    `select t.*, ${name === 'to'} as is_received from ${schema}.transfers t
     where t.${name}_account = part.account_id and ${blockOf(`t.${name}_version`)} between part.low and part.high
       and ${ofLedger('t.')} and ${place}`;
  return `select part.account_id as part, part.goes_on, t.*
    from (
      select account_id, ${page} from (
        select given.account_id, given.low, least(given.high, ${blockOf('b.version')}) as high
        from unnest(${ids}, ${low}, ${high}) given(account_id, low, high)
        cross join ${probe(`${schema}.balances`, `${ofLedger()} and account_id = given.account_id`)} b
      ) account
    ) part
    cross join lateral (${side('from')} union all ${side('to')}) t`;
}

/** A recorded range bounds what is looked at, where the rows of an account are in recorded order. */
function recordedConditions({ filter: { recordedFrom, recordedTo } }: TransferRange, parameters: Parameters) {
  const instant = (at: Date) => parameters.add(at.toISOString(), 'timestamptz');
  return [
    ...(recordedFrom === undefined ? [] : [`t.recorded_at >= ${instant(recordedFrom)}`]),
    ...(recordedTo === undefined ? [] : [`t.recorded_at < ${instant(recordedTo)}`]),
  ];
}

const POSITION_BOUND = 2n ** 62n;

/** No account has as many versions as this block would need. */
const BLOCK_MAX = Number.MAX_SAFE_INTEGER;

type Blocks = readonly number[] | undefined;

/** The first and the last block of versions that a page of each account can be in; undefined for any. */
async function blocksOf(
  store: LedgerStore,
  { order, after, filter: { recordedFrom, recordedTo } }: TransferRange,
  accounts: readonly AccountId[],
): Promise<{ readonly lows: Blocks; readonly highs: Blocks }> {
  const before = async (column: 'position' | 'recorded_at', value: string | undefined): Promise<Blocks> =>
    value === undefined ? undefined : findBlocksBefore(store, accounts, { column, value });
  const place = await before('position', after?.toString());
  const begin = await before('recorded_at', recordedFrom?.toISOString());
  const end = await before('recorded_at', recordedTo?.toISOString());
  return order === 'newest'
    ? { lows: begin, highs: each(place, end, Math.min) }
    : { lows: each(place, begin, Math.max), highs: end };
}

function each(blocks: Blocks, others: Blocks, choose: (one: number, other: number) => number): Blocks {
  if (blocks === undefined || others === undefined) return blocks ?? others;
  return blocks.map((block, index) => choose(block, others[index] ?? block));
}
