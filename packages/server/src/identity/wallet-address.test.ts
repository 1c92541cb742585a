import { expect, it } from 'vitest';
import type { UserId } from './user-id.js';
import { defaultWalletName, walletAddress, walletNameOf, walletOwnerOf, worldAddress } from './wallet-address.js';

const owner = '0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10' as UserId;

it('says in an address whose the wallet is and what it is called', () => {
  const address = walletAddress(owner, 'rainy-day');
  expect(address).toBe(`users:${owner}:rainy-day`);
  expect([walletOwnerOf(address), walletNameOf(address)]).toEqual([owner, 'rainy-day']);
});

it('finds no owner of other accounts', () => {
  expect([worldAddress('USD'), 'fees:card', 'users'].map(walletOwnerOf)).toEqual([undefined, undefined, undefined]);
});

it('names a wallet as its currency', () => {
  expect([defaultWalletName('USD'), worldAddress('USD')]).toEqual(['usd', 'world:usd']);
});
