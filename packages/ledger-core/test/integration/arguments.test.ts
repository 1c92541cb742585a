import * as core from '@micropay/ledger-core';
import {
  createInProcessPublisher,
  createLedger,
  createRelay,
  createRequestWorker,
  type EventPublisher,
  LEDGER_ERROR_CODES,
  type Ledger,
  LedgerError,
  type Statement,
  type TransactionAdapter,
} from '@micropay/ledger-core';
import * as drizzle from '@micropay/ledger-core/drizzle';
import * as kafka from '@micropay/ledger-core/kafka';
import * as knex from '@micropay/ledger-core/knex';
import * as kysely from '@micropay/ledger-core/kysely';
import * as pg from '@micropay/ledger-core/pg';
import * as postgresJs from '@micropay/ledger-core/postgres-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ArgumentTable,
  type FineValues,
  failureOfGoodCall,
  faultsOf,
  findFunction,
  namesArgument,
} from '../../../../scripts/argument-table.js';
import { readPublicApi } from '../../../../scripts/public-api.js';
import { ENTRY_POINTS } from '../support/entry-points.js';
import { userCreated } from '../support/user-created.js';

const ID = '0190b7c4-0000-7000-8000-000000000001';
/** Nobody listens there: what is refused only by the database would be refused as `database_unavailable`. */
const NOWHERE = 'postgresql://nobody:nothing@127.0.0.1:1/nowhere';

let ledger: Ledger;
const query = () => Promise.reject(new Error('the database was asked'));
const noTransaction: TransactionAdapter = { executeSql: query };
const publisher: EventPublisher = createInProcessPublisher(async () => undefined);

const EXPORTS: Readonly<Record<string, unknown>> = {
  ...core,
  ...kafka,
  ...pg,
  ...kysely,
  ...knex,
  ...drizzle,
  ...postgresJs,
};

/** An object of each type that a function returns. A type that is not here fails the test. */
const OBJECTS: Readonly<Record<string, () => unknown>> = {
  Ledger: () => ledger,
  LedgerInTransaction: () => ledger.within(noTransaction),
  EventPublisher: () => publisher,
  Relay: () => createRelay({ database: NOWHERE, sink: 'test', publisher }),
  RequestWorker: () => createRequestWorker({ ledger }),
  CommandConsumer: () => kafka.createCommandConsumer({ ledger, kafka: { brokers: ['127.0.0.1:1'] } }),
  TransactionAdapter: () => pg.fromPg({ query }),
  Statement: () => ({ all: () => [] }),
};

const EVENT = { id: ID, type: 'user.created.v1', topic: 'users', subject: ID, data: {} };

/** Valid values that the types alone do not define. */
const VALID = {
  database: NOWHERE,
  kafka: { brokers: ['127.0.0.1:1'] },
  id: ID,
  hold: ID,
  groupId: ID,
  transfer: ID,
  subject: ID,
  userId: ID,
  currency: 'USD',
  code: 'USD',
  decimal: '12.50',
  rate: '1.5',
  'exchange request.sell': { code: 'USD', scale: 2 },
  'exchange request.buy': { code: 'EUR', scale: 2 },
  'parseAmount text': '1250',
  'parseJson json': '{}',
  'checkMetadata metadata': { orderId: '1042' },
  'allocate weights.0': 1n,
  'createRelay options.publisher': publisher,
  ...Object.fromEntries(['lag', 'replay', 'findEnd', 'open', 'skip'].map((name) => [`Relay.${name} ledger`, 'main'])),
  'Ledger.setTimeZone timeZone': 'Europe/Berlin',
  'Ledger.currencies.register currency': { code: 'POINTS', scale: 0 },
  'Ledger.accounts.setLimits limits': { minimum: 0n },
  'Ledger.accounts.statement options.from': '2026-03-01T00:00:00Z',
  'Ledger.accounts.statement options.to': '2026-04-01T00:00:00Z',
  'Ledger.accounts.balanceAt asOf.at': new Date(0),
  'Ledger.trialBalance asOf.at': new Date(0),
  'LedgerInTransaction.events.write event.data': { userId: ID },
  'LedgerInTransaction.events.write definition': userCreated,
  'isDomainEvent definition': userCreated,
  'defineDomainEvent definition.type': userCreated.type,
  'defineDomainEvent definition.topic': userCreated.topic,
  'isDomainEvent definition.type': userCreated.type,
  'isDomainEvent definition.topic': userCreated.topic,
  'LedgerInTransaction.events.write definition.type': userCreated.type,
  'LedgerInTransaction.events.write definition.topic': userCreated.topic,
  'LedgerInTransaction.events.write definition.data': userCreated.data,
  'isDomainEvent definition.data': userCreated.data,
  'defineDomainEvent definition.data': userCreated.data,
  'defineDomainEvent definition': userCreated,
  'isDomainEvent event': EVENT,
  'isCatalogueEvent event': EVENT,
  'eventTopics domainEvents.0': userCreated,
  'isReversible transfer': { kind: 'transfer' },
  'Ledger.events.subscribe options': { signal: AbortSignal.abort() },
  'EventPublisher.publish events.0': EVENT,
  transaction: noTransaction,
  'fromPg client': { query },
  'fromKysely transaction': { executeQuery: query, withoutPlugins: () => ({ executeQuery: query }) },
  'fromKnex transaction': { isCompleted: () => false, isTransaction: true, client: { acquireConnection: query } },
  'fromDrizzle transaction': { execute: query },
  'fromPostgresJs transaction': { unsafe: query, typed: query },
  get ledger() {
    return ledger;
  },
  get statement(): Statement {
    const account = { id: ID, address: 'a', type: 'liability', currency: 'USD' };
    const period = { from: new Date(0), to: new Date(1), by: 'recorded', opening: 0n, closing: 0n, scale: 2 };
    return { account, ...period, data: [], nextCursor: null, async *all() {} } as unknown as Statement;
  },
};

/** Values that look wrong and are not. */
const FINE: FineValues = [
  [/description$/, /^(a text|an empty text)$/, 'any text of at most 500 characters describes'],
  [/scope$/, /^(a text|an empty text)$/, 'keys without a scope have the empty one'],
  [/prefix$/, /^an empty text$/, 'every address begins with nothing'],
  [/(toDecimal units|allocate weights.0)$/, /^a huge bigint$/, 'it is a number, whatever its size'],
  [/sql$/, /^a huge text$/, 'a migration may be long'],
  [/isoScale code$/, /text$/, 'undefined says that there is none'],
  [/is(Domain|Catalogue)Event event\./, /^(an unknown field|an empty text|a huge text)$/, 'any event has a type'],
  [/isReversible transfer\./, /^an unknown field$/, 'it takes a whole transfer'],
  [/(identify reference|identifyMany references.0)$/, /text$/, 'undefined, or its absence, says that there is none'],
  [/executeSql text$/, /text$/, 'the database judges statements'],
  [/executeSql values$/, /array/, 'the database judges values'],
  [/postLinked legs\.0\.kind$/, /^nothing$/, 'a leg without a kind is a transfer'],
  [/(idempotencyKey|requestedBy|by|reason|component|sql|consumer|eventId)$/, /^a text$/, 'any text is a name'],
];

/** Codes of refusals that name their argument in `details.field`. */
const OF_ARGUMENTS = /^(invalid_|too_many_legs$)/;

const functions = readPublicApi(ENTRY_POINTS);
const tables = functions.filter(({ parameters }) => parameters.length > 0);

beforeAll(async () => {
  ledger = createLedger({ database: NOWHERE });
  await publisher.connect();
});
afterAll(() => ledger.close());

const TABLE: ArgumentTable = {
  valid: VALID,
  fine: FINE,
  fault(error, { argument }) {
    if (!(error instanceof LedgerError)) return error === undefined ? 'was accepted' : String(error);
    const said = `${error.code}: ${error.message} ${JSON.stringify(error.details)}`;
    if (!LEDGER_ERROR_CODES.includes(error.code)) return `${said} has no code of the list`;
    if (error.retryable) return `${said} is retryable`;
    // A text that is no JSON has no member at fault.
    const isNamed = error.details.field !== undefined || !OF_ARGUMENTS.test(error.code) || argument === 'json';
    if (!isNamed) return `${said} has no details.field`;
    return namesArgument(said, argument) ? undefined : `${said} does not name the argument`;
  },
};

describe('every public function refuses a wrong argument', () => {
  it.each(tables.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const call = findFunction(one, one.owner === undefined ? EXPORTS : OBJECTS[one.owner]?.());
    const good = await failureOfGoodCall(one, call, TABLE);
    // The call is right but for what the table makes wrong, so it comes as far as the database.
    if (good instanceof LedgerError) expect(good.code).not.toMatch(/^(invalid|unknown)_/);
    else if (good !== undefined) expect(String(good)).toContain('the database was asked');
    expect(await faultsOf(one, call, TABLE)).toEqual([]);
  });
});
