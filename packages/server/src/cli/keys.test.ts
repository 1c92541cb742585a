import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SCOPE_NAMES } from '../identity/scope.js';
import { CliError } from './cli-error.js';
import { parseCommandLine } from './command-line.js';
import { createOutput } from './output.js';

/** Nothing listens there: a command that opened the database first would end with another error. */
const NOWHERE = 'postgresql://127.0.0.1:1/nothing';

it.each([
  [['creat', 'a'], 'micropay keys has no "creat": did you mean create?'],
  [['create'], 'micropay keys create: name the key'],
  [['list', 'a'], 'micropay keys list: takes no name'],
  [['create', 'a b', '--scopes', 'keys:read'], '"a b" is not a valid key name'],
  [['create', 'a'], '--scopes is missing: it lists accounts:read'],
  [['create', 'a', '--scopes', 'transfer:write'], 'there is no scope "transfer:write": did you mean transfers:write?'],
  [['create', 'a', '--scopes', 'keys:read', '--networks', '10.0.0.0'], '"10.0.0.0" is not a CIDR block'],
  [['create', 'a', '--scopes', 'keys:read', '--expires', 'soon'], '--expires takes a date and time'],
  [['rotate', 'a', '--overlap', '1h'], '--overlap takes whole seconds, at most 604800'],
])('micropay keys refuses %j before it opens anything', async (words, message) => {
  const line = parseCommandLine(['keys', ...words, '--database', NOWHERE]);
  if ('text' in line) throw new Error('it is a command');
  const refused = await line.command
    .run({ ...line, output: createOutput(false), signal: AbortSignal.abort() })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CliError);
  expect(refused).toMatchObject({ code: 'usage', message: expect.stringContaining(message) });
});

it('the page of API keys explains every scope, in the order of the command', () => {
  const page = readFileSync(new URL('../../../../docs/how-to/api-keys.md', import.meta.url), 'utf8');
  expect([...page.matchAll(/^\| `([a-z]+:[a-z]+)` \|/gm)].map(([, scope]) => scope)).toEqual(SCOPE_NAMES);
});
