import { describe, expect, it } from 'vitest';
import {
  type ArgumentTable,
  type FineValues,
  failureOfGoodCall,
  faultsOf,
  findFunction,
  namesArgument,
} from '../../../scripts/argument-table.js';
import { readPublicApi } from '../../../scripts/public-api.js';
import * as sdk from './index.js';

const ID = '0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e31';

/** Thrown by a call that reached the network: its arguments passed the client's checks. */
const SENT = new Error('this was sent');
const client = sdk.createClient({
  baseUrl: 'http://127.0.0.1:1',
  refreshToken: 'token',
  retriesMax: 0,
  fetch: () => Promise.reject(SENT),
});

const VALID = {
  baseUrl: 'http://127.0.0.1:1',
  id: ID,
  wallet: ID,
  metadata: {},
  response: {},
  destination: { iban: 'DE00' },
  'MicroPayClient.wallets.create wallet': { currency: 'USD' },
  fetch: () => Promise.reject(SENT),
  'MicroPayClient.events.stream options': { signal: AbortSignal.abort() },
};

/** Values that the client leaves for the server to check. */
const FINE: FineValues = [
  [/./, /^(a text|an empty text|a huge text)$/, 'a text'],
  [/./, /^(a huge number|a huge bigint)$/, 'a number'],
  [/statements\.\w+ period\.(wallet|account)$/, /^nothing$/, 'one of both has to be there'],
  [/transfers\.postLinked legs\.0\.kind$/, /^nothing$/, 'a leg without a kind is a transfer'],
];

const TABLE: ArgumentTable = {
  valid: VALID,
  fine: FINE,
  fault(error, { argument }) {
    if (!(error instanceof sdk.MicroPayError)) return error === undefined ? 'was accepted' : String(error);
    const said = `${error.message} ${JSON.stringify(error.fields)}`;
    if (error.cause === SENT) return 'was sent';
    if (error.retryable) return `${said} is retryable`;
    // In the request, and in the server's words, what is in these arrays is called so.
    const named = argument.replace(/^(payments|legs)\b/, '$&.transfers');
    return namesArgument(said, named) ? undefined : `${said} does not name the argument`;
  },
};

const functions = readPublicApi([new URL('./index.ts', import.meta.url)]);

describe('every method refuses a wrong argument', () => {
  const tables = functions.filter(({ parameters }) => parameters.length > 0);
  it.each(tables.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const objects: Readonly<Record<string, unknown>> = { MicroPayClient: client };
    const call = findFunction(one, one.owner === undefined ? sdk : objects[one.owner]);
    const good = await failureOfGoodCall(one, call, TABLE);
    // The call is right but for what the table makes wrong, so it is sent.
    if (good !== undefined) expect((good as Error).cause).toBe(SENT);
    expect(await faultsOf(one, call, TABLE)).toEqual([]);
  });
});
