import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import type { UserPrincipal } from '../identity/principal.js';
import { findParties } from './resolve-post-transfer.js';
import type { TransferServices } from './transfer-services.js';

it('asks once for all the wallets of a batch, each named once', async () => {
  const identifyMany = vi.fn(async (_references: readonly string[]) => new Map());
  const verifiedUsers = { require: async () => undefined };
  const services = {
    ledger: { name: 'main', accounts: { identifyMany } },
    verifiedUsers,
  } as unknown as TransferServices;
  const from = randomUUID();
  const transfers = Array.from({ length: 1_000 }, () => ({ from, to: randomUUID(), amount: '1', currency: 'USD' }));
  await findParties(services, { principal: { id: randomUUID() } as UserPrincipal, clientAddress: '' }, transfers);
  expect(identifyMany.mock.calls).toEqual([[[from, ...transfers.map(({ to }) => to)]]]);
});
