/** Answers as the server gives them. */
export const USER = {
  id: '0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e00',
  email: 'alice@example.com',
  displayName: null,
  createdAt: '2026-11-22T18:00:00.000Z',
};

export const WALLET = {
  id: '0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e31',
  name: 'usd',
  currency: 'USD',
  status: 'open',
  balance: '100000000000000000000000000000000000000',
  pendingIn: '0',
  pendingOut: '250',
  available: '1000',
  openedAt: '2026-11-22T18:00:00.000Z',
};

export const TRANSFER = {
  id: '0199a1d3-0c45-7f18-a2d6-5e8c1b3f7a93',
  kind: 'transfer',
  groupId: null,
  from: WALLET.id,
  to: '0199a1d2-6b12-7e94-8c3f-2d7b9a1e4c52',
  amount: '1250',
  currency: 'USD',
  description: null,
  metadata: null,
  recordedAt: '2026-11-22T18:00:00.000Z',
  effectiveAt: '2026-11-22T18:00:00.000Z',
  originalId: null,
  released: '0',
  fromBalance: '3750',
  toBalance: null,
};

export const PAYMENT = { from: WALLET.id, to: 'bob@example.com', amount: 1_250n, currency: 'USD' };

export function entry(version: number) {
  return {
    transferId: TRANSFER.id,
    groupId: null,
    kind: 'transfer',
    direction: 'debit',
    amount: '1250',
    currency: 'USD',
    balance: '3750',
    pendingIn: '0',
    pendingOut: '0',
    version: `${version}`,
    counterparty: TRANSFER.to,
    description: null,
    metadata: null,
    recordedAt: TRANSFER.recordedAt,
    effectiveAt: TRANSFER.effectiveAt,
  };
}
