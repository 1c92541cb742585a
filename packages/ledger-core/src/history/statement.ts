import { type AccountIdentity, isDebitNormal } from '../domain/accounts/account.js';
import { largest, smallest } from '../domain/bigint.js';
import { object, optional } from '../domain/input/arguments.js';
import {
  type CheckedMoment,
  isFirstInstant,
  justBefore,
  type Moment,
  moment,
  startOfDay,
} from '../domain/input/instant.js';
import type { Page, PageOptions } from '../domain/input/page.js';
import { toPage } from '../domain/input/page.js';
import {
  decodeCursor,
  encodeCursor,
  type ListName,
  PAGE,
  PAGE_LIMIT_DEFAULT,
  type PlaceParts,
  placeIn,
} from '../domain/input/paging.js';
import { result } from '../domain/json/result.js';
import type { Entry } from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import { getCurrency } from '../postgres/currencies.js';
import { readTimeZone } from '../postgres/ledgers.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { type TimeBasis, timeBasis } from './as-of.js';
import { readEffectiveBalance, readRecordedBalance } from './balance-at.js';
import type { HistoryContext } from './history-context.js';
import { listDated, listOnTime, listRecorded, type StatementRange } from './statement-entries.js';

export interface StatementOptions extends PageOptions {
  /** Start of the period: an instant, or the beginning of a day in the ledger's time zone. */
  readonly from: Moment;
  /** End of the period, not included: March is from `2026-03-01` to `2026-04-01`. */
  readonly to: Moment;
  /** Default `recorded`: the statement never changes once its period is over. */
  readonly by?: TimeBasis;
}

/** An entry that changed the posted balance, and the running balance of the statement after it. */
export interface StatementEntry extends Entry {
  readonly balance: bigint;
}

/** A page of a statement, oldest entries first. `opening` and `closing` belong to the whole period. */
export interface Statement extends Page<StatementEntry> {
  readonly account: AccountIdentity;
  /** Digits after the decimal point of the currency. */
  readonly scale: number;
  readonly by: TimeBasis;
  readonly from: Date;
  readonly to: Date;
  /** The balance before the period, equal to the closing balance of the previous period. */
  readonly opening: bigint;
  readonly closing: bigint;
  /** Iterates over the entries of this page and all later pages, without transfers posted in the meantime. */
  all(): AsyncIterable<StatementEntry>;
}

/** Fixed by the first page, so that later pages show the same statement, whatever is posted meanwhile. */
interface Frame {
  readonly opening: bigint;
  readonly closing: bigint;
  /** Later versions are not of this statement. */
  readonly throughVersion: bigint;
}

/** The entry before a page, and the balance after it. */
interface Place {
  readonly afterMs: number;
  readonly afterVersion: bigint;
  readonly balance: bigint;
}

interface Period {
  readonly from: Date;
  readonly to: Date;
  readonly by: TimeBasis;
}

type CheckedStatementOptions = Omit<StatementOptions, 'from' | 'to'> & {
  readonly from: CheckedMoment;
  readonly to: CheckedMoment;
};

const readOptions = object<CheckedStatementOptions>({ from: moment, to: moment, by: optional(timeBasis), ...PAGE });

/** @throws {LedgerError} `invalid_request`, `invalid_cursor` */
export function checkStatementOptions(given: StatementOptions): CheckedStatementOptions {
  const options = readOptions(given, 'options');
  decodeCursor(options.cursor, PLACE);
  return options;
}

/** Of the first page: the last version, and the balances around the period. Of the last entry: when, its version and balance. */
const PLACE: PlaceParts = ['number', 'balance', 'balance', 'instant', 'number', 'balance'];

/** One page of an account's statement. */
export async function readStatement(
  context: HistoryContext,
  account: AccountIdentity,
  options: CheckedStatementOptions,
): Promise<Statement> {
  const period = await checkPeriod(context, options);
  const { limit = PAGE_LIMIT_DEFAULT } = options;
  const page = await context.snapshot(async (store) => {
    const list = ['statement', store.ledger, account.id, period.by, period.from.getTime(), period.to.getTime()];
    const started = options.cursor === undefined ? undefined : readCursor(list, options.cursor);
    const reader = { store, account, period };
    const { frame, place } = started ?? (await begin(reader));
    const entries = await readEntries(reader, frame, place, limit + 1);
    return { list, frame, data: withBalances(entries, place.balance, isDebitNormal(account.type)) };
  });
  const { scale } = await context.read((store) => getCurrency(store, account.currency));
  const { opening, closing } = page.frame;
  const { data, nextCursor } = toPage(page.data, limit, (last) => writeCursor(page.list, page.frame, last));
  const statement = { account, scale, ...period, opening, closing, data, nextCursor };
  return result({ ...statement, all: () => allEntries(context, statement, options) });
}

interface Reader {
  readonly store: LedgerStore<Transaction>;
  readonly account: AccountIdentity;
  readonly period: Period;
}

async function checkPeriod(
  context: HistoryContext,
  { from, to, by = 'recorded' }: CheckedStatementOptions,
): Promise<Period> {
  const moments = [from, to] as const;
  const timeZone = moments.every((moment) => moment instanceof Date) ? '' : await context.read(readTimeZone);
  const [first, end] = moments.map((moment) => (moment instanceof Date ? moment : startOfDay(moment, timeZone)));
  if (first === undefined || end === undefined || first >= end) {
    throw new LedgerError('invalid_period', 'from must be before to', { field: 'to' });
  }
  return { from: first, to: end, by };
}

async function begin(reader: Reader): Promise<{ readonly frame: Frame; readonly place: Place }> {
  const { store, account, period } = reader;
  const { id: accountId, type } = account;
  const before = await readRecordedBalance(store, { accountId, at: justBefore(period.from) });
  const last = await readRecordedBalance(store, { accountId, at: justBefore(period.to) });
  if (period.by === 'recorded') {
    const frame = { opening: before.posted, closing: last.posted, throughVersion: last.version };
    return { frame, place: { afterMs: 0, afterVersion: before.version, balance: before.posted } };
  }
  const effective = (at: Date) => readEffectiveBalance(store, { accountId, debitNormal: isDebitNormal(type), at });
  const opening = isFirstInstant(period.from) ? 0n : await effective(justBefore(period.from));
  const closing = await effective(justBefore(period.to));
  const { version } = await readRecordedBalance(store, { accountId, at: END_OF_TIME });
  const frame = { opening, closing, throughVersion: version };
  return { frame, place: { afterMs: period.from.getTime(), afterVersion: 0n, balance: opening } };
}

const END_OF_TIME = new Date('9999-12-31T23:59:59.999Z');

async function readEntries(reader: Reader, frame: Frame, place: Place, limit: number): Promise<readonly Entry[]> {
  const { store, account, period } = reader;
  const accountId = account.id;
  const { afterVersion } = place;
  const range: StatementRange = { accountId, afterVersion, throughVersion: frame.throughVersion, limit };
  if (period.by === 'recorded') return listRecorded(store, range);
  const after = new Date(place.afterMs);
  const dated = await listDated(store, range, { after, before: period.to });
  // On-time entries of the same millisecond follow each other in the order of their versions.
  const low = await readRecordedBalance(store, { accountId, at: justBefore(after) });
  const same = await readRecordedBalance(store, { accountId, at: after });
  const last = await readRecordedBalance(store, { accountId, at: justBefore(period.to) });
  const onTime = await listOnTime(store, {
    ...range,
    afterVersion: largest(low.version, smallest(same.version, afterVersion)),
    throughVersion: smallest(last.version, frame.throughVersion),
  });
  return [...dated, ...onTime].sort(byEffectiveOrder).slice(0, limit);
}

function byEffectiveOrder(a: Entry, b: Entry): number {
  return a.effectiveAt.getTime() - b.effectiveAt.getTime() || (a.version < b.version ? -1 : 1);
}

function withBalances(entries: readonly Entry[], before: bigint, debitNormal: boolean): readonly StatementEntry[] {
  let balance = before;
  return entries.map((entry) => {
    balance += (entry.direction === 'debit') === debitNormal ? entry.amount : -entry.amount;
    return result({ ...entry, balance });
  });
}

function writeCursor(list: ListName, { opening, closing, throughVersion }: Frame, last: StatementEntry): string {
  const place = [last.effectiveAt.getTime(), last.version, last.balance];
  return encodeCursor(list, throughVersion, opening, closing, ...place);
}

function readCursor(list: ListName, cursor: string) {
  const [through, opening, closing, afterMs, afterVersion, balance] = placeIn(list, decodeCursor(cursor, PLACE));
  return {
    frame: {
      opening: BigInt(opening ?? 0),
      closing: BigInt(closing ?? 0),
      throughVersion: BigInt(through ?? 0),
    },
    place: { afterMs: Number(afterMs), afterVersion: BigInt(afterVersion ?? 0), balance: BigInt(balance ?? 0) },
  };
}

async function* allEntries(
  context: HistoryContext,
  first: Omit<Statement, 'all'>,
  options: CheckedStatementOptions,
): AsyncGenerator<StatementEntry> {
  let page = first;
  for (;;) {
    yield* page.data;
    if (page.nextCursor === null) return;
    // The instants of the first page: the ledger's zone may be set meanwhile.
    const { account, from, to, by, nextCursor: cursor } = page;
    page = await readStatement(context, account, { ...options, from, to, by, cursor });
  }
}
