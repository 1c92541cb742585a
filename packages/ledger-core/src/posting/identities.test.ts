import { describe, expect, it, vi } from 'vitest';
import type { AccountId, AccountIdentity } from '../domain/accounts/account.js';
import { createIdentities } from './identities.js';

function identityOf(number: number): AccountIdentity {
  return { id: `id-${number}` as AccountId, address: `users:${number}`, type: 'liability', currency: 'USD' };
}

const finderOf = (...identities: AccountIdentity[]) =>
  vi.fn(async (missing: readonly string[]) =>
    identities.filter(({ id, address }) => missing.includes(id) || missing.includes(address)),
  );

describe('identities', () => {
  it('identities looks up each unknown reference once, in one call', async () => {
    const find = finderOf(identityOf(1), identityOf(2));
    const found = await createIdentities(10).load(1, ['users:1', 'users:1', 'id-2'], find);
    expect(find.mock.calls).toEqual([[['users:1', 'id-2']]]);
    expect([found('users:1')?.id, found('id-2')?.address]).toEqual(['id-1', 'users:2']);
  });

  it('identities remembers by id and by address', async () => {
    const identities = createIdentities(10);
    await identities.load(1, ['users:1'], finderOf(identityOf(1)));
    const find = finderOf();
    const found = await identities.load(1, ['id-1', 'users:1'], find);
    expect(found('id-1')).toBe(found('users:1'));
    expect(find).not.toHaveBeenCalled();
  });

  it('identities does not remember that an account is missing', async () => {
    const identities = createIdentities(10);
    await identities.load(1, ['users:1'], finderOf());
    const found = await identities.load(1, ['users:1'], finderOf(identityOf(1)));
    expect(found('users:1')?.id).toBe('id-1');
  });

  it('identities keeps ledgers apart', async () => {
    const identities = createIdentities(10);
    await identities.load(1, ['users:1'], finderOf(identityOf(1)));
    const found = await identities.load(2, ['users:1', 'id-1'], finderOf());
    expect([found('users:1'), found('id-1')]).toEqual([undefined, undefined]);
  });

  it('identities answers for more accounts than it can remember', async () => {
    const all = [1, 2, 3, 4, 5].map(identityOf);
    const references = all.map(({ address }) => address);
    const found = await createIdentities(2).load(1, references, finderOf(...all));
    expect(references.map((reference) => found(reference)?.address)).toEqual(references);
  });

  it('identities answers for what it knew although loading the rest pushed it out', async () => {
    const identities = createIdentities(2);
    identities.add(1, identityOf(1));
    const found = await identities.load(1, ['users:1', 'users:2', 'users:3'], finderOf(identityOf(2), identityOf(3)));
    expect(found('users:1')?.id).toBe('id-1');
  });
});
