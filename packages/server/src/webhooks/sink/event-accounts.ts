import type { LedgerEvent } from '@micropay/ledger-core';

/** Accounts below `world:` are the other side of deposits: in their order, everything would wait for everything. */
const WORLD = /^world(?::|$)/;

/** The addresses of the accounts that an event is about, each once; none for an application's own events. */
export function accountsOf({ data }: Pick<LedgerEvent, 'data'>): readonly string[] {
  const { address, fromAddress, toAddress, from, to } = data as Readonly<Record<string, unknown>>;
  // A requested transfer names its accounts as its caller did.
  const named = typeof fromAddress === 'string' ? [fromAddress, toAddress] : [address, from, to];
  return [...new Set(named.filter((one) => typeof one === 'string'))];
}

/** The accounts in whose order an event is delivered to an endpoint with this path: at most two. */
export function orderOf(accounts: readonly string[], path: string | null): readonly string[] {
  const watched = accounts.filter((account) => path === null || isWithinPath(account, path));
  const inside = watched.filter((account) => !WORLD.test(account));
  return (inside.length > 0 ? inside : watched).slice(0, 2);
}

/** Every path that has this address: `a:b:c` is at or below `a`, `a:b` and `a:b:c`. */
export function pathsOf(address: string): readonly string[] {
  const paths: string[] = [];
  for (let end = address.indexOf(':'); end !== -1; end = address.indexOf(':', end + 1))
    paths.push(address.slice(0, end));
  return [...paths, address];
}

function isWithinPath(address: string, path: string): boolean {
  return address === path || address.startsWith(`${path}:`);
}
