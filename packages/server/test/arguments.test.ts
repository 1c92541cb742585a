import * as server from '@micropay/server';
import { readConfig, StartError } from '@micropay/server';
import { describe, expect, it } from 'vitest';
import {
  type ArgumentTable,
  failureOfGoodCall,
  faultsOf,
  findFunction,
  namesArgument,
} from '../../../scripts/argument-table.js';
import { readPublicApi } from '../../../scripts/public-api.js';

/** Nobody listens there. */
const NOWHERE = 'postgresql://nobody:nothing@127.0.0.1:1/nowhere';
const good = { ...readConfig({ DATABASE_URL: NOWHERE }), logLevel: 'silent' };

const TABLE: ArgumentTable = {
  valid: {
    ...good,
    'readConfig environment': { DATABASE_URL: NOWHERE },
    partitions: 1,
    'RunningServer.isOperatorKey key': 'key',
  },
  fine: [
    [/startServer config\./, /^(a text|a number)$/, 'a text or a number that may be meant'],
    [/readConfig (environment|given)$/, /^an object$/, 'an environment without what is needed'],
    [/isOperatorKey key$/, /./, 'false says that it is none'],
  ],
  fault(error, { argument }) {
    if (!(error instanceof StartError)) return error === undefined ? 'was accepted' : String(error);
    return namesArgument(error.message, argument) ? undefined : `${error.message} does not name the argument`;
  },
};

describe('every export refuses a wrong argument', () => {
  const functions = readPublicApi([new URL('../src/index.ts', import.meta.url)]);
  const tables = functions.filter(({ parameters, owner }) => parameters.length > 0 && owner === undefined);
  it.each(tables.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const call = findFunction(one, server);
    // The call is right but for what the table makes wrong, so it comes as far as the database.
    expect(await failureOfGoodCall(one, call, TABLE)).not.toBeInstanceOf(StartError);
    expect(await faultsOf(one, call, TABLE)).toEqual([]);
  });
});
