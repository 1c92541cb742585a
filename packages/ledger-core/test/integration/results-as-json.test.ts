import {
  allocate,
  applyMigrations,
  checkMetadata,
  createInProcessPublisher,
  createRelay,
  createRequestWorker,
  deleteDeliveredEvents,
  eventTopics,
  exchange,
  handleOnce,
  inboxTable,
  isoScale,
  isReversible,
  type Ledger,
  LedgerError,
  type LedgerEvent,
  type LedgerInTransaction,
  maintain,
  migrate,
  parseJson,
  planMigrations,
  type Relay,
  type RequestWorker,
  statementCamt053,
  statementCsv,
  statementJson,
  toDecimal,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { readPublicApi } from '../../../../scripts/public-api.js';
import { ENTRY_POINTS } from '../support/entry-points.js';
import { useTestBed } from '../support/test-bed.js';
import { userCreated } from '../support/user-created.js';

const bed = useTestBed();
const pay = { from: 'world', to: 'alice', amount: 5n, currency: 'USD' };
const usd = { code: 'USD', scale: 2 };
const eur = { code: 'EUR', scale: 2 };
const RATE = { rate: '0.9', rateSource: 'ECB', rounding: 'down' } as const;
const USER = '0190b7c4-0000-7000-8000-000000000001';

let ledger: Ledger;
let relay: Relay;
let worker: RequestWorker;
let delivered: readonly LedgerEvent[] = [];

const publisher = createInProcessPublisher(async (events) => {
  delivered = events;
});

beforeAll(async () => {
  ledger = bed.ledger();
  await ledger.accounts.open({ address: 'world', currency: 'USD' });
  await ledger.accounts.open({ address: 'alice', currency: 'USD', maximum: 1_000n });
  await ledger.transfers.post({ ...pay, amount: 100n });
  relay = createRelay({ database: bed.url, sink: 'test', publisher });
  worker = createRequestWorker({ ledger });
});

const posted = () => ledger.transfers.post(pay);
const held = () => ledger.holds.place(pay);
const group = () => ledger.transfers.postLinked([pay, { ...pay, kind: 'hold' }]);
const order = (key: string) => ({ ...pay, idempotencyKey: key });
const march = { from: '2026-03-01', to: '2126-04-01' };

async function opened(address: string) {
  return (await ledger.accounts.ensure({ address, currency: 'USD' })).id;
}

/** The result of a call in the test's own transaction. */
async function within(work: (own: LedgerInTransaction) => Promise<unknown>): Promise<unknown> {
  const client = await bed.connect();
  await client.query('begin');
  try {
    return await work(ledger.within(fromPg(client)));
  } finally {
    await client.query('rollback');
  }
}

async function all(pieces: AsyncIterable<unknown>): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

/** A bigint by itself, and what only starts, stops or makes something. */
const NO_OBJECT = 'answers no object of its own';

/** A call of every public function that succeeds. One that is not here fails the test. */
const CALLS: Readonly<Record<string, (() => unknown) | typeof NO_OBJECT>> = {
  allocate: () => allocate(10n, [1n, 2n]),
  isoScale: () => isoScale('USD'),
  exchange: () => exchange({ from: 'a', to: 'b', sell: usd, buy: eur, sellAmount: 100n, ...RATE }),
  parseAmount: NO_OBJECT,
  toMinorUnits: NO_OBJECT,
  toDecimal: () => toDecimal(5n, 2),
  parseJson: () => parseJson('{}'),
  checkMetadata: () => checkMetadata({ orderId: '1042' }),
  isReversible: () => isReversible({ kind: 'transfer' }),
  eventTopics: () => eventTopics('micropay', [userCreated]),
  defineDomainEvent: NO_OBJECT,
  isDomainEvent: NO_OBJECT,
  isCatalogueEvent: NO_OBJECT,
  inboxTable: () => inboxTable(),
  async handleOnce() {
    await bed.sql(inboxTable());
    const client = await bed.connect();
    return handleOnce(fromPg(client), { consumer: 'test', eventId: USER }, async () => undefined).catch(String);
  },
  createInProcessPublisher: NO_OBJECT,
  'EventPublisher.connect': () => publisher.connect(),
  'EventPublisher.publish': async () => {
    await publisher.publish((await subscribed())[0] ?? []);
    return delivered;
  },
  'EventPublisher.close': () => publisher.close(),
  createRelay: NO_OBJECT,
  'Relay.start': () => relay.start(),
  'Relay.wake': () => relay.wake(),
  'Relay.status': () => relay.status(),
  'Relay.lag': () => relay.lag(ledger.name),
  'Relay.pause': () => relay.pause().catch((error: unknown) => error),
  'Relay.resume': () => relay.resume().catch((error: unknown) => error),
  'Relay.replay': () => relay.replay(ledger.name, 0n).catch((error: unknown) => error),
  'Relay.findEnd': () => relay.findEnd(ledger.name),
  'Relay.open': () => relay.open(ledger.name, 0n),
  'Relay.skip': () => relay.skip(ledger.name, 0n),
  'Relay.stop': () => relay.stop(),
  createRequestWorker: NO_OBJECT,
  'RequestWorker.start': () => worker.start(),
  'RequestWorker.wake': () => worker.wake(),
  'RequestWorker.stop': () => worker.stop(),
  deleteDeliveredEvents: () => deleteDeliveredEvents({ database: bed.url, before: new Date(0) }),
  createLedger: NO_OBJECT,
  'Ledger.accounts.open': () => ledger.accounts.open({ address: 'opened', currency: 'USD', minimum: -5n }),
  'Ledger.accounts.ensure': () => ledger.accounts.ensure({ address: 'alice', currency: 'USD' }),
  'Ledger.accounts.get': () => ledger.accounts.get('world'),
  'Ledger.accounts.identify': () => ledger.accounts.identify('alice'),
  'Ledger.accounts.identifyMany': () => ledger.accounts.identifyMany(['alice']),
  'Ledger.accounts.list': () => ledger.accounts.list(),
  'Ledger.accounts.aggregate': () => ledger.accounts.aggregate(),
  'Ledger.accounts.entries': () => ledger.accounts.entries('alice'),
  'Ledger.accounts.balanceAt': () =>
    Promise.all([
      ledger.accounts.balanceAt('alice', { at: new Date() }),
      ledger.accounts.balanceAt('alice', { at: new Date(), by: 'effective' }),
    ]),
  'Ledger.accounts.statement': () => ledger.accounts.statement('alice', march),
  'Statement.all': async () => all((await ledger.accounts.statement('alice', march)).all()),
  'Ledger.accounts.freeze': async () => ledger.accounts.freeze(await opened('frozen')),
  'Ledger.accounts.unfreeze': async () => ledger.accounts.unfreeze(await opened('frozen')),
  'Ledger.accounts.close': async () => ledger.accounts.close(await opened('closed')),
  'Ledger.accounts.setLimits': async () => ledger.accounts.setLimits(await opened('limited'), { maximum: 7n }),
  'Ledger.transfers.post': async () => [
    await ledger.transfers.post(order('post')),
    await ledger.transfers.post(order('post')),
    await ledger.transfers.post({ ...pay, dryRun: true }),
  ],
  'Ledger.transfers.postMany': () => ledger.transfers.postMany([pay, { ...pay, to: 'nobody' }, { ...pay, amount: 0n }]),
  'Ledger.transfers.postLinked': () => group(),
  async 'Ledger.transfers.reverse'() {
    await opened('spent');
    const { id } = await ledger.transfers.post({ ...pay, to: 'spent' });
    await ledger.transfers.post({ ...pay, from: 'spent', to: 'world' });
    const overdrawn = { idempotencyKey: 'overdrawn', allowOverdraft: { by: 'operator:7' } };
    return [
      await ledger.transfers.reverse((await posted()).id),
      await ledger.transfers.reverse(id, overdrawn),
      await ledger.transfers.reverse(id, overdrawn),
    ];
  },
  'Ledger.transfers.reverseLinked': async () => ledger.transfers.reverseLinked((await group())[0]?.id ?? ''),
  'Ledger.transfers.get': async () => ledger.transfers.get((await posted()).id),
  'Ledger.transfers.getLinked': async () => ledger.transfers.getLinked((await group())[0]?.id ?? ''),
  'Ledger.transfers.list': () => ledger.transfers.list({ account: 'alice', limit: 1 }),
  async 'Ledger.transfers.reversals'() {
    const { id } = await posted();
    await ledger.transfers.reverse(id);
    return ledger.transfers.reversals(id);
  },
  'Ledger.holds.place': () => held(),
  'Ledger.holds.capture': async () => ledger.holds.capture((await held()).id, { amount: 1n }),
  'Ledger.holds.release': async () => ledger.holds.release((await held()).id),
  'Ledger.holds.get': async () => ledger.holds.get((await held()).id),
  'Ledger.holds.list': () => ledger.holds.list('alice'),
  'Ledger.holds.expire': () => ledger.holds.expire(),
  'Ledger.requests.submit': () => ledger.requests.submit(order('request')),
  'Ledger.requests.submitMany': () => ledger.requests.submitMany([order('request'), { ...order('bad'), amount: 0n }]),
  'Ledger.requests.get': async () => ledger.requests.get((await ledger.requests.submit(order('request'))).id),
  'Ledger.requests.backlog': () => ledger.requests.backlog(),
  'Ledger.requests.processRequests': () => ledger.requests.processRequests(),
  'Ledger.requests.onSubmit': NO_OBJECT,
  'Ledger.currencies.register': () => ledger.currencies.register({ code: 'POINTS', scale: 0 }),
  'Ledger.currencies.get': () => ledger.currencies.get('USD'),
  'Ledger.within': NO_OBJECT,
  'LedgerInTransaction.accounts.open': () =>
    within(({ accounts }) => accounts.open({ address: 'own', currency: 'USD' })),
  'LedgerInTransaction.accounts.ensure': () =>
    within(({ accounts }) => accounts.ensure({ address: 'alice', currency: 'USD' })),
  'LedgerInTransaction.accounts.get': () => within(({ accounts }) => accounts.get('alice')),
  'LedgerInTransaction.accounts.identify': () => within(({ accounts }) => accounts.identify('alice')),
  'LedgerInTransaction.accounts.identifyMany': () => within(({ accounts }) => accounts.identifyMany(['alice'])),
  'LedgerInTransaction.accounts.close': () =>
    within(async ({ accounts }) => {
      await accounts.open({ address: 'closing', currency: 'USD' });
      return accounts.close('closing');
    }),
  'LedgerInTransaction.transfers.post': () => within(({ transfers }) => transfers.post(pay)),
  'LedgerInTransaction.transfers.postMany': () => within(({ transfers }) => transfers.postMany([pay])),
  'LedgerInTransaction.transfers.postLinked': () => within(({ transfers }) => transfers.postLinked([pay, pay])),
  'LedgerInTransaction.transfers.reverse': async () => {
    const { id } = await posted();
    return within(({ transfers }) => transfers.reverse(id));
  },
  'LedgerInTransaction.transfers.reverseLinked': async () => {
    const [first] = await group();
    return within(({ transfers }) => transfers.reverseLinked(first?.id ?? ''));
  },
  'LedgerInTransaction.transfers.get': async () => {
    const { id } = await posted();
    return within(({ transfers }) => transfers.get(id));
  },
  'LedgerInTransaction.holds.place': () => within(({ holds }) => holds.place(pay)),
  'LedgerInTransaction.holds.capture': async () => {
    const { id } = await held();
    return within(({ holds }) => holds.capture(id));
  },
  'LedgerInTransaction.holds.release': async () => {
    const { id } = await held();
    return within(({ holds }) => holds.release(id));
  },
  'LedgerInTransaction.holds.get': async () => {
    const { id } = await held();
    return within(({ holds }) => holds.get(id));
  },
  'LedgerInTransaction.requests.submit': () => within(({ requests }) => requests.submit(order('own'))),
  'LedgerInTransaction.requests.submitMany': () => within(({ requests }) => requests.submitMany([order('own')])),
  'LedgerInTransaction.requests.get': async () => {
    const { id } = await ledger.requests.submit(order('request'));
    return within(({ requests }) => requests.get(id));
  },
  'LedgerInTransaction.events.write': () =>
    within(({ events }) => events.write(userCreated, { subject: USER, data: { userId: USER } })),
  'Ledger.events.subscribe': async () => [await ledger.events.subscribe({ after: 0n }), ...(await subscribed())],
  'Ledger.events.range': () => ledger.events.range(),
  'Ledger.events.countAfter': () => ledger.events.countAfter(0n, 10),
  'Ledger.events.oldestWriter': () => ledger.events.oldestWriter(),
  'Ledger.events.fault': () => ledger.events.fault(),
  'Ledger.onCommit': NO_OBJECT,
  'Ledger.inLedger': NO_OBJECT,
  'Ledger.trialBalance': () => Promise.all([ledger.trialBalance(), ledger.trialBalance({ at: new Date() })]),
  'Ledger.timeZone': () => ledger.timeZone(),
  'Ledger.setTimeZone': () => ledger.setTimeZone('Europe/Berlin'),
  'Ledger.checkpoints.advance': () => ledger.checkpoints.advance(),
  'Ledger.checkpoints.rebuild': () => ledger.checkpoints.rebuild(),
  'Ledger.verify': () => ledger.verify({ pace: 'full' }),
  'Ledger.check': () => ledger.check(),
  'Ledger.checkDatabase': () => ledger.checkDatabase(),
  'Ledger.partitions': () => ledger.partitions(),
  'Ledger.engineStatus': () => ledger.engineStatus(),
  'Ledger.close': NO_OBJECT,
  applyMigrations: () => applyMigrations({ database: bed.url, component: 'test', migrations: [] }),
  maintain: () => maintain({ database: bed.url }),
  migrate: () => migrate({ database: bed.url }),
  planMigrations: () => planMigrations({ database: bed.url }),
  statementCamt053: async () => all(statementCamt053(await ledger.accounts.statement('alice', march))),
  statementCsv: async () => all(statementCsv(await ledger.accounts.statement('alice', march))),
  statementJson: async () => all(statementJson(await ledger.accounts.statement('alice', march))),
  createCommandConsumer: NO_OBJECT,
  'CommandConsumer.start': NO_OBJECT,
  'CommandConsumer.stop': NO_OBJECT,
  createKafkaPublisher: NO_OBJECT,
  createPool: NO_OBJECT,
  fromSqlError: NO_OBJECT,
  fromPg: NO_OBJECT,
  fromKysely: NO_OBJECT,
  fromKnex: NO_OBJECT,
  fromDrizzle: NO_OBJECT,
  fromPostgresJs: NO_OBJECT,
  'TransactionAdapter.executeSql': NO_OBJECT,
};

async function subscribed(): Promise<(readonly LedgerEvent[])[]> {
  const ending = new AbortController();
  const { last } = await ledger.events.range();
  for await (const batch of await ledger.events.subscribe({ after: 0n, signal: ending.signal })) {
    if (last > 0n) return [batch];
  }
  return [];
}

/** Each object in a value, itself among them, by its path. */
function* piecesOf(value: unknown, path = ''): Generator<readonly [path: string, piece: object]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value];
  for (const [name, member] of Object.entries(value)) yield* piecesOf(member, `${path}.${name}`);
}

describe('JSON.stringify takes what a public function answers, whole and in pieces', () => {
  const names = readPublicApi(ENTRY_POINTS).map(({ name }) => name);
  it.each(names)('%s', async (name) => {
    const call = CALLS[name];
    expect(call, 'a new function has to be added to CALLS').toBeDefined();
    if (typeof call !== 'function') return;
    for (const [path, piece] of piecesOf(await call())) {
      // It throws at a bigint.
      expect(() => JSON.stringify(piece), `${name}${path}`).not.toThrow();
    }
  });
});

it('writes amounts as decimal texts and dates in RFC 3339', async () => {
  const { recordedAt, fromBalance } = await posted();
  const transfer = await posted();
  expect(JSON.parse(JSON.stringify({ transfer, parts: [fromBalance] }))).toMatchObject({
    transfer: { amount: '5', recordedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) },
    parts: [{ posted: String(fromBalance.posted), version: String(fromBalance.version) }],
  });
  expect(recordedAt).toBeInstanceOf(Date);
});

it('gives results no member more, and takes nothing from who copies them', async () => {
  const transfer = await posted();
  expect(Object.keys(transfer)).not.toContain('toJSON');
  expect({ ...transfer }).toEqual(transfer);
  expect(structuredClone(transfer)).toEqual(transfer);
});

it('writes an error without its cause', async () => {
  const cause = new Error('postgresql://me:secret@127.0.0.1/main');
  const error = new LedgerError('database_unavailable', 'try again', { side: 'from' }, { cause });
  expect(JSON.parse(JSON.stringify({ error }))).toEqual({
    error: {
      name: 'LedgerError',
      code: 'database_unavailable',
      message: 'try again',
      details: { side: 'from' },
      retryable: true,
    },
  });
});

it('accounts that are identified together are written by their references', async () => {
  const alice = await ledger.accounts.identify('alice');
  const identified = await ledger.accounts.identifyMany(['alice', 'nobody']);
  expect(JSON.parse(JSON.stringify(identified))).toEqual({ alice });
  expect(JSON.stringify(await ledger.accounts.identifyMany(['nobody']))).toBe('{}');
});
