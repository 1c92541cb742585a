import type { Command } from './command.js';

export const signingKeysCommand: Command = {
  summary: 'list and rotate the keys that sign access tokens',
  parameters: 'list | next | activate | retire KID',
  help: [
    'next            makes the next key: every server knows it, and none signs with it yet',
    'activate        signs with the next key, and retires the active one; waits until every server knows it',
    'retire          ends a retired or next key: what it has signed counts no longer',
    '--now           retires a key although its tokens may still live, because it has leaked: their users log in again',
    '--reason TEXT   why, for the audit log',
    '',
    'A running server takes a change over within three seconds. Servers rotate the keys by themselves every ninety days.',
  ],
  words: { min: 1, max: 2 },
  options: { now: { type: 'boolean' }, reason: { type: 'string' } },
  async run(context) {
    // The other commands start sooner without what only this one needs.
    const { manageSigningKeys } = await import('./manage-signing-keys.js');
    return manageSigningKeys(context);
  },
};
