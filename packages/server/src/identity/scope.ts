/** The permissions that an API key can have. A route for operators names the one that it needs. */
export const SCOPES = {
  'accounts:read': 'Read accounts and wallets, their balances, entries and statements',
  'accounts:write': 'Open, limit and close accounts',
  'accounts:freeze': 'Freeze and unfreeze accounts and wallets',
  'transfers:read': 'Read transfers, holds, reversals and transfer requests',
  'transfers:write': 'Move money: transfers, deposits, withdrawals, holds, captures, releases and reversals',
  'payouts:read': 'Read payouts, with where they go',
  'payouts:settle': 'Take up payouts, and say that they are paid or have failed',
  'events:read': 'Follow live events',
  'webhooks:read': 'List webhook endpoints and their deliveries, without secrets',
  'webhooks:write': 'Make, change and delete webhook endpoints, and send deliveries again',
  'ledger:read': 'Read currencies, settings and the trial balance, and verify the ledger',
  'ledger:write': 'Register currencies and set the time zone',
  'users:read': 'Read which second factors users have',
  'users:write': 'Remove the second factors of users who have lost them',
  'roles:read': 'List the users who have a role',
  'roles:write': 'Grant and revoke roles, by a key that has all scopes of the role',
  'audit:read': 'Read the audit log',
  'metrics:read': 'Scrape the metrics of a server',
  'keys:read': 'List API keys, without the keys themselves',
  'keys:write': 'Make, rotate and revoke API keys that reach no further than itself',
} as const;

export type Scope = keyof typeof SCOPES;

export const SCOPE_NAMES = Object.keys(SCOPES) as [Scope, ...Scope[]];

/**
 * What support may do, as scopes of a key: it reads all of the ledger and which second factors users have, freezes and unfreezes, and moves no
 * money.
 */
export const SUPPORT_SCOPES: ReadonlySet<Scope> = new Set<Scope>([
  'accounts:read',
  'accounts:freeze',
  'transfers:read',
  'ledger:read',
  'users:read',
]);

/** Has every scope, also those of later releases: the key that a server is set up with. */
export const EVERY_SCOPE = 'operator';
