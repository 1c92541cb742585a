import {
  ACCOUNT_TYPES,
  type Account,
  type Entry,
  type Ledger,
  LedgerError,
  type LedgerInTransaction,
  type OpenAccount,
  type PostedTransfer,
  type PostTransfer,
  type TransferLeg,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import fc from 'fast-check';
import type pg from 'pg';
import { beforeAll, expect, it } from 'vitest';
import { isLong, propertyOptions } from '../support/counts.js';
import {
  balanceInModel,
  createModel,
  type Model,
  type ModelAccount,
  type ModelOutcome,
  openInModel,
  postInModel,
  postLinkedInModel,
} from '../support/model.js';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let engine: Ledger;
let client: pg.Client;
let runs = 0;

beforeAll(async () => {
  engine = bed.ledger();
  client = await bed.connect();
});

const ACCOUNTS_MAX = 5;
const BODIES = 8;
const CURRENCIES = ['USD', 'EUR'];

/** A uuid that is recognised when it is printed. */
const uuidOf = (kind: number, number: number) => `0190b7c4-000${kind}-7000-8000-${String(number).padStart(12, '0')}`;

/** Mostly what a day brings, sometimes what only fits into 38 digits, seldom what is no amount. */
const amount = fc.oneof(
  { weight: 30, arbitrary: fc.bigInt(1n, 60n) },
  { weight: 3, arbitrary: fc.bigInt(4n * 10n ** 37n, 10n ** 38n - 1n) },
  { weight: 1, arbitrary: fc.constantFrom(0n, -1n, 10n ** 38n) },
);

const seldom = <Value, Other>(usual: fc.Arbitrary<Value>, other: fc.Arbitrary<Other>) =>
  fc.oneof({ weight: 19, arbitrary: usual }, { weight: 1, arbitrary: other });

const limits = fc.constantFrom<Pick<OpenAccount, 'minimum' | 'maximum'>>(
  {},
  {},
  { minimum: null },
  { minimum: null },
  { minimum: -50n },
  { maximum: 80n },
  { minimum: null, maximum: 0n },
  { minimum: -(10n ** 38n - 1n), maximum: 10n ** 38n - 1n },
);

const openings = fc.array(
  fc.record({
    type: fc.constantFrom(undefined, undefined, ...ACCOUNT_TYPES),
    currency: fc.oneof({ weight: 9, arbitrary: fc.constant('USD') }, { weight: 1, arbitrary: fc.constant('EUR') }),
    limits,
  }),
  { minLength: 2, maxLength: ACCOUNTS_MAX - 1, size: 'max' },
);

/** An account, named by address or by id. */
const reference = fc.record({
  account: fc.nat(ACCOUNTS_MAX * 12 - 1),
  exists: seldom(fc.constant(true), fc.constant(false)),
  byId: fc.boolean(),
});

/** Requests come from a handful of bodies, so that the same is said again and again. */
const leg = fc.record({
  from: reference,
  to: reference,
  isToSelf: seldom(fc.constant(false), fc.constant(true)),
  amount,
  currency: seldom(fc.constant('right'), fc.constantFrom('EUR', 'usd')),
  text: fc.constantFrom<Pick<TransferLeg, 'description' | 'metadata' | 'effectiveAt'>>(
    {},
    {},
    { description: '' },
    { description: 'Café "№ 7" \\ {x}\n' },
    { metadata: { a: 1, b: [null, 'x'] } },
    { metadata: { b: [null, 'x'], a: 1 } },
    { effectiveAt: new Date('1999-12-31T23:59:59.999Z') },
  ),
});

/** Keys and ids belong to a body, as they do where callers are careful, but for one in five. */
const context = fc.record({
  key: fc.constantFrom(undefined, undefined, 'own' as const, 'own' as const, 'stray' as const),
  scope: fc.constantFrom(undefined, undefined, '', 'alice'),
  id: fc.constantFrom(undefined, undefined, undefined, undefined, 'own' as const, 'own' as const, 'stray' as const),
});

const request = fc.record({ body: fc.nat(BODIES - 1), context });
type Request = typeof request extends fc.Arbitrary<infer Value> ? Value : never;

type Step =
  | { readonly kind: 'post'; readonly request: Request }
  | { readonly kind: 'postMany'; readonly requests: readonly Request[] }
  | { readonly kind: 'postLinked'; readonly requests: readonly Request[]; readonly key: string | undefined }
  | { readonly kind: 'freeze'; readonly account: number; readonly side: 'debits' | 'credits' | 'both' | null }
  | { readonly kind: 'within'; readonly steps: readonly Step[]; readonly commits: boolean };

const { step } = fc.letrec<{ step: Step; posting: Step }>((tie) => ({
  posting: fc.oneof(
    fc.record({ kind: fc.constant('post' as const), request }),
    fc.record({ kind: fc.constant('postMany' as const), requests: fc.array(request, { maxLength: 6 }) }),
    fc.record({
      kind: fc.constant('postLinked' as const),
      requests: fc.array(request, { minLength: 1, maxLength: 4 }),
      key: fc.constantFrom(undefined, undefined, 'group', 'stray'),
    }),
  ),
  step: fc.oneof(
    { weight: 8, arbitrary: tie('posting') },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('freeze' as const),
        account: fc.nat(ACCOUNTS_MAX - 1),
        side: fc.constantFrom('debits' as const, 'credits' as const, 'both' as const, null),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('within' as const),
        steps: fc.array(tie('posting'), { maxLength: 3 }),
        commits: fc.boolean(),
      }),
    },
  ),
}));

const scenario = fc.record({
  openings,
  bodies: fc.array(leg, { minLength: BODIES, maxLength: BODIES }),
  steps: fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;

const TIME_LIMIT_MS = isLong ? 600_000 : 240_000;

it(
  'does what the model does, whatever is asked of it',
  async () => {
    await fc.assert(fc.asyncProperty(scenario, follow), propertyOptions(500, TIME_LIMIT_MS));
  },
  TIME_LIMIT_MS + 10_000,
);

it('the model’s random steps have every kind of outcome, and mostly a transfer', () => {
  const counts = new Map<string, number>();
  for (const { openings, bodies, steps } of fc.sample(scenario, { seed: 1, numRuns: 200 })) {
    const run = startRun(openings, bodies);
    for (const expected of steps.flatMap((step) => foretell(run, step))) {
      const answer = 'code' in expected ? expected.code : expected.replayed ? 'replayed' : 'posted';
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
  }
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
  expect(most?.[0]).toBe('posted');
  expect([...counts.keys()].toSorted()).toEqual([
    'account_frozen',
    'account_not_found',
    'balance_overflow',
    'currency_mismatch',
    'idempotency_key_reused',
    'insufficient_funds',
    'invalid_amount',
    'maximum_exceeded',
    'posted',
    'replayed',
    'same_account',
    'transfer_id_reused',
    'unknown_currency',
  ]);
});

/** The state of one run, except for the engine. */
interface Run {
  readonly bodies: Scenario['bodies'];
  readonly accounts: readonly (OpenAccount & { readonly id: string })[];
  model: Model;
  /** Ids that the engine gave to the transfers of the model. */
  readonly ids: Map<number, string>;
}

function startRun(openings: Scenario['openings'], bodies: Scenario['bodies']): Run {
  runs += 1;
  const world = { type: undefined, currency: 'USD', limits: {} };
  const accounts = [world, ...openings].map(({ type, currency, limits }, index) => ({
    address: index === 0 ? 'world:usd' : `users:${index}`,
    id: uuidOf(1, runs * 10 + index),
    currency,
    ...(type === undefined ? {} : { type }),
    ...limits,
  }));
  const model = createModel();
  for (const account of accounts) openInModel(model, account);
  return { bodies, accounts, model, ids: new Map() };
}

async function follow({ openings, bodies, steps }: Scenario): Promise<void> {
  const run = startRun(openings, bodies);
  const ledger = engine.inLedger(`run-${runs}`);
  for (const account of run.accounts) await ledger.accounts.open(account);
  for (const step of steps) await take(run, ledger, step);
  await expectSame(run, ledger);
}

async function take(run: Run, ledger: Ledger, step: Step): Promise<void> {
  if (step.kind === 'freeze') return freeze(run, ledger, step);
  if (step.kind === 'within') return within(run, ledger, step);
  return post(run, ledger, step);
}

/** Runs a step on the model, and returns the outcomes it expects. */
function foretell(run: Run, step: Step): readonly ModelOutcome[] {
  const { model } = run;
  if (step.kind === 'post') return [postInModel(model, requestOf(run, step.request))];
  if (step.kind === 'postMany') return step.requests.map((one) => postInModel(model, requestOf(run, one)));
  if (step.kind === 'postLinked') return [postLinkedInModel(model, legsOf(run, step), groupKeyOf(step))];
  if (step.kind === 'freeze') {
    const account = [...model.accounts.values()][step.account];
    if (account !== undefined) account.frozen = step.side;
    return [];
  }
  const before = structuredClone(model);
  const outcomes = step.steps.flatMap((one) => foretell(run, one));
  if (!step.commits) run.model = before;
  return outcomes;
}

async function freeze(run: Run, ledger: Ledger, step: Extract<Step, { kind: 'freeze' }>): Promise<void> {
  const address = run.accounts[step.account]?.address;
  foretell(run, step);
  if (address === undefined) return;
  if (step.side === null) await ledger.accounts.unfreeze(address);
  else await ledger.accounts.freeze(address, { side: step.side });
}

async function within(run: Run, ledger: Ledger, step: Extract<Step, { kind: 'within' }>): Promise<void> {
  const before = structuredClone(run.model);
  await client.query('begin');
  const inTransaction = ledger.within(fromPg(client));
  for (const one of step.steps) await post(run, inTransaction, one);
  await client.query(step.commits ? 'commit' : 'rollback');
  if (step.commits) return;
  for (const number of run.ids.keys()) if (number > before.posted) run.ids.delete(number);
  run.model = before;
}

async function post(run: Run, { transfers }: Ledger | LedgerInTransaction, step: Step): Promise<void> {
  const found: (readonly PostedTransfer[] | LedgerError)[] = [];
  if (step.kind === 'post') {
    found.push(await transfers.post(requestOf(run, step.request)).then((transfer) => [transfer], asRefusal));
  } else if (step.kind === 'postMany') {
    const results = await transfers.postMany(step.requests.map((one) => requestOf(run, one)));
    found.push(...results.map((result) => (result.ok ? [result.transfer] : result.error)));
  } else if (step.kind === 'postLinked') {
    found.push(await transfers.postLinked(legsOf(run, step), groupKeyOf(step)).catch(asRefusal));
  }
  const expected = foretell(run, step);
  expect(found).toHaveLength(expected.length);
  expected.forEach((outcome, index) => {
    expectOutcome(run, found[index] ?? [], outcome);
  });
}

function asRefusal(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  throw error;
}

function requestOf(run: Run, request: Request): PostTransfer {
  const { key, scope } = request.context;
  return {
    ...legOf(run, request, true),
    ...(key === undefined ? {} : { idempotencyKey: key === 'own' ? `key-${request.body}` : 'stray' }),
    ...(scope === undefined ? {} : { scope }),
  };
}

/** Only the first leg may bear an id: the same id on two legs is another test's matter. */
function legsOf(run: Run, { requests }: Extract<Step, { kind: 'postLinked' }>): readonly TransferLeg[] {
  return requests.map((one, index) => legOf(run, one, index === 0));
}

function groupKeyOf({ key }: Extract<Step, { kind: 'postLinked' }>): { readonly idempotencyKey?: string } {
  return key === undefined ? {} : { idempotencyKey: key };
}

function legOf({ bodies, accounts }: Run, { body, context }: Request, mayHaveId: boolean): TransferLeg {
  const said = bodies[body];
  if (said === undefined) throw new Error(`there are ${BODIES} bodies`);
  const from = said.from.account % accounts.length;
  const to = said.isToSelf ? from : (from + 1 + (said.to.account % (accounts.length - 1))) % accounts.length;
  const id = uuidOf(3, context.id === 'own' ? runs * 10 + body : runs * 10 + 9);
  return {
    from: nameOf(accounts[from], said.from),
    to: nameOf(accounts[to], said.to),
    amount: said.amount,
    currency: said.currency === 'right' ? (accounts[from]?.currency ?? '') : said.currency,
    ...said.text,
    ...(mayHaveId && context.id !== undefined ? { id } : {}),
  };
}

function nameOf(account: OpenAccount | undefined, { exists, byId }: { exists: boolean; byId: boolean }): string {
  if (!exists || account?.id === undefined) return byId ? uuidOf(2, 1) : 'users:nobody';
  return byId ? account.id : account.address;
}

function expectOutcome(run: Run, found: readonly PostedTransfer[] | LedgerError, expected: ModelOutcome): void {
  if (found instanceof LedgerError || 'code' in expected) {
    const code = found instanceof LedgerError ? { code: found.code, ...legIn(found) } : 'posted';
    expect(code).toEqual('code' in expected ? expected : 'posted');
    return;
  }
  const { transfers, replayed } = expected;
  const seen = found.map((transfer) => ({
    from: transfer.from,
    to: transfer.to,
    amount: transfer.amount,
    currency: transfer.currency,
    description: transfer.description,
    metadata: transfer.metadata,
    effectiveAt: transfer.effectiveAt === transfer.recordedAt ? null : transfer.effectiveAt,
    fromBalance: transfer.fromBalance,
    toBalance: transfer.toBalance,
    replayed: transfer.replayed,
  }));
  const held = { pendingIn: 0n, pendingOut: 0n };
  expect(seen).toEqual(
    transfers.map((transfer) => ({
      from: idOf(run, transfer.from),
      to: idOf(run, transfer.to),
      amount: transfer.amount,
      currency: transfer.currency,
      description: transfer.description,
      metadata: transfer.metadata,
      effectiveAt: transfer.effectiveAt,
      fromBalance: { posted: transfer.fromPosted, version: transfer.fromVersion, ...held },
      toBalance: { posted: transfer.toPosted, version: transfer.toVersion, ...held },
      replayed,
    })),
  );
  transfers.forEach(({ transfer }, index) => {
    const id = found[index]?.id ?? '';
    if (replayed) expect(id).toBe(run.ids.get(transfer));
    else run.ids.set(transfer, id);
  });
}

function legIn({ details, code }: LedgerError): { leg?: number } {
  return typeof details.leg === 'number' && code !== 'idempotency_key_reused' ? { leg: details.leg } : {};
}

function idOf({ model }: Run, address: string): string {
  for (const [name, named] of model.names) if (named === address && name !== address) return name;
  throw new Error(`the model has no id for ${address}`);
}

/** Everything that can be read of the ledger, held against the model. */
async function expectSame(run: Run, ledger: Ledger): Promise<void> {
  const { model } = run;
  for (const account of model.accounts.values()) {
    const found = await ledger.accounts.get(account.address);
    expect(shownOf(found)).toEqual({
      posted: balanceInModel(account),
      version: BigInt(account.entries.length),
      status: account.frozen === null ? 'open' : account.frozen === 'both' ? 'frozen' : `frozen_${account.frozen}`,
      available: account.minimum === null ? null : balanceInModel(account) - account.minimum,
    });
    await expectEntries(run, ledger, account);
  }
  const sums = CURRENCIES.map((currency) => ({ currency, ...sumsOf(model, currency) }));
  const { totals, balanced } = await ledger.trialBalance();
  expect(totals).toEqual(sums.filter(({ currency }) => hasCurrency(model, currency)).sort(byCurrency));
  expect(balanced).toBe(true);
  const { problems, transfers } = await ledger.verify({ accountsPerChunk: 2 });
  expect({ problems, transfers }).toEqual({ problems: [], transfers: model.posted });
}

function shownOf({ posted, version, status, available }: Account) {
  return { posted, version, status, available };
}

const byCurrency = (one: { currency: string }, other: { currency: string }) => (one.currency < other.currency ? -1 : 1);

function hasCurrency({ accounts }: Model, currency: string): boolean {
  return [...accounts.values()].some((account) => account.currency === currency);
}

function sumsOf({ accounts }: Model, currency: string): { debits: bigint; credits: bigint } {
  const all = [...accounts.values()].filter((account) => account.currency === currency);
  return {
    debits: all.reduce((sum, { debits }) => sum + debits, 0n),
    credits: all.reduce((sum, { credits }) => sum + credits, 0n),
  };
}

/** Newest first, the same in pages of any size, nothing twice and nothing lost. */
async function expectEntries(run: Run, ledger: Ledger, { address, entries }: ModelAccount): Promise<void> {
  const expected = entries.toReversed().map((entry) => ({
    transferId: run.ids.get(entry.transfer),
    direction: entry.direction,
    counterparty: idOf(run, entry.counterparty),
    amount: entry.amount,
    posted: entry.posted,
    version: entry.version,
  }));
  for (const limit of [1, 2, 3, 1_000]) {
    const found = await allEntries(ledger, address, limit);
    expect(found.map(asExpected)).toEqual(expected);
    const moments = found.map(({ recordedAt }) => recordedAt.getTime());
    expect(moments).toEqual(moments.toSorted((one, other) => other - one));
  }
}

function asExpected({ transferId, direction, counterparty, amount, posted, version }: Entry) {
  return { transferId, direction, counterparty, amount, posted, version };
}

async function allEntries(ledger: Ledger, address: string, limit: number): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await ledger.accounts.entries(address, cursor === undefined ? { limit } : { limit, cursor });
    expect(page.data.length).toBeLessThanOrEqual(limit);
    all.push(...page.data);
    cursor = page.nextCursor;
  }
  return all;
}
