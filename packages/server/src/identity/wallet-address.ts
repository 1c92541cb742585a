import type { UserId } from './user-id.js';

/** Wallets live below this path of the ledger, so that an account's address says whose it is, for ever. */
const WALLETS_PREFIX = 'users:';
const USER_ID_LENGTH = 36;

export function walletAddress(owner: UserId, name: string): string {
  return `${walletsPrefixOf(owner)}${name}`;
}

/** The path below which all of a user's wallets live. */
export function walletsPathOf(owner: UserId): string {
  return `${WALLETS_PREFIX}${owner}`;
}

/** The prefix of the addresses of all of a user's wallets. */
export function walletsPrefixOf(owner: UserId): string {
  return `${walletsPathOf(owner)}:`;
}

/** A wallet is named as its currency unless its user says otherwise. */
export function defaultWalletName(currency: string): string {
  return currency.toLowerCase();
}

/** The owner of the account at this address; undefined when it is no wallet. */
export function walletOwnerOf(address: string): UserId | undefined {
  if (!address.startsWith(WALLETS_PREFIX)) return undefined;
  return address.slice(WALLETS_PREFIX.length, WALLETS_PREFIX.length + USER_ID_LENGTH) as UserId;
}

export function walletNameOf(address: string): string {
  return address.slice(WALLETS_PREFIX.length + USER_ID_LENGTH + 1);
}

export function worldAddress(currency: string): string {
  return `world:${currency.toLowerCase()}`;
}

const PAYOUTS_PREFIX = 'world:payouts:';

/** The account that payouts of this currency go to. */
export function payoutsAddress(currency: string): string {
  return `${PAYOUTS_PREFIX}${currency.toLowerCase()}`;
}

export function isPayoutsAddress(address: string): boolean {
  return address.startsWith(PAYOUTS_PREFIX);
}
