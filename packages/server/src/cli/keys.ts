import { SCOPE_NAMES, SCOPES } from '../identity/scope.js';
import type { Command } from './command.js';

const SCOPE_WIDTH = Math.max(...SCOPE_NAMES.map((scope) => scope.length));

export const keysCommand: Command = {
  summary: 'list, make, rotate and revoke the API keys of operators and services',
  parameters: 'list | create NAME | rotate NAME | revoke NAME',
  help: [
    'NAME            of the key, or its id',
    '--scopes LIST   scopes of a new key, separated by commas; required',
    '--networks LIST networks that a new key may be used from, as CIDR blocks separated by commas; default: all',
    '--expires TIME  when a new key ends, such as 2027-01-01T00:00:00Z; default: never',
    '--overlap SECS  for how long a rotated key still works beside the new one; default: 0',
    '--reason TEXT   why, for the audit log',
    '',
    'Scopes:',
    ...Object.entries(SCOPES).map(([scope, meaning]) => `  ${scope.padEnd(SCOPE_WIDTH)}  ${meaning}`),
    '',
    'A running server takes a change over within three seconds.',
  ],
  words: { min: 1, max: 2 },
  options: {
    scopes: { type: 'string' },
    networks: { type: 'string' },
    expires: { type: 'string' },
    overlap: { type: 'string' },
    reason: { type: 'string' },
  },
  async run(context) {
    // The other commands start sooner without what only this one needs.
    const { manageKeys } = await import('./manage-keys.js');
    return manageKeys(context);
  },
};
