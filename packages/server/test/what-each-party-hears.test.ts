import { randomUUID } from 'node:crypto';
import type { LedgerEvent } from '@micropay/ledger-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { viewersOf } from '../src/live/audience.js';
import { call, deposit, type Reply, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let aliceYen: string;

const send = (target: string, token: string, body?: unknown, headers = {}) =>
  call(server.url, target, { token, key: randomUUID(), headers, ...(body === undefined ? {} : { body }) });
const done = async (target: string, token: string, body?: unknown) => {
  const reply = await send(target, token, body);
  if (reply.status >= 300) throw new Error(`${target} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
};
const openWallet = async ({ token }: TestUser, currency: string): Promise<string> =>
  (await done('POST /v1/wallets', token, { currency })).id;
const pays = (from: string, to: string, amount = '10', currency = 'USD') => ({ from, to, amount, currency });
const operatorDoes = (account: string, change: string, body: object = {}) =>
  done(`POST /v1/accounts/${account}/${change}`, OPERATOR_KEY, body);

/** Reasons why a wallet cannot be paid 10, with a function that brings each about. */
const REASONS = {
  account_frozen: async (wallet: string) => void (await operatorDoes(wallet, 'freeze')),
  account_closed: async (wallet: string) => void (await operatorDoes(wallet, 'close')),
  currency_mismatch: async () => undefined,
  maximum_exceeded: async (wallet: string) => void (await operatorDoes(wallet, 'limits', { maximum: '5' })),
  balance_overflow: async (wallet: string, { token }: TestUser) => {
    const most = String(10n ** 38n - 1_001n);
    await done('POST /v1/deposits', OPERATOR_KEY, { wallet, amount: most, currency: 'JPY' });
    for (let round = 0; round < 3; round += 1) {
      if (round > 0) await done('POST /v1/transfers', token, pays(wallet, aliceYen, '500', 'JPY'));
      await done('POST /v1/transfers', alice.token, pays(aliceYen, wallet, '500', 'JPY')).catch(() => undefined);
    }
  },
} as const;
type Reason = keyof typeof REASONS;

interface Payee {
  readonly user: TestUser;
  readonly order: ReturnType<typeof pays>;
}
const payees = new Map<Reason, Payee>();

beforeAll(async () => {
  [server, alice] = await startServerWithUsers(100_000n);
  aliceYen = await openWallet(alice, 'JPY');
  await deposit(server.url, aliceYen, 1_000n, 'JPY');
  for (const [reason, prepare] of Object.entries(REASONS) as [Reason, (typeof REASONS)[Reason]][]) {
    const user = await registerUser(server.url);
    const currency = { currency_mismatch: 'EUR', balance_overflow: 'JPY' }[reason as string];
    const wallet = currency === undefined ? user.wallet : await openWallet(user, currency);
    await prepare(wallet, user);
    const order = currency === 'JPY' ? pays(aliceYen, wallet, '600', 'JPY') : pays(alice.wallet, wallet);
    payees.set(reason, { user, order });
  }
});
afterAll(() => server.stop());

const payeeWith = (reason: Reason) => payees.get(reason) as Payee;

/** Ways to pay, each with the place of its problem in the response. */
const WAYS: Readonly<Record<string, (order: Payee['order'], token: string) => Promise<object>>> = {
  'a transfer': async (order, token) => (await send('POST /v1/transfers', token, order)).body,
  'a transfer of a batch': async (order, token) => {
    const transfers = [{ ...order, idempotencyKey: randomUUID() }];
    return (await send('POST /v1/transfers/batch', token, { transfers })).body.results[0].error;
  },
  'a linked transfer': async (order, token) =>
    (await send('POST /v1/transfers/linked', token, { transfers: [order] })).body,
  'a transfer request': async (order, token) => {
    const { body } = await send('POST /v1/transfers', token, order, { prefer: 'respond-async' });
    const stored = async () => (await send(`GET /v1/transfer-requests/${body.id}`, token)).body;
    await expect.poll(async () => (await stored()).state).toBe('refused');
    return (await stored()).refusal;
  },
};
const HOLD = async (order: Payee['order'], token: string) => (await send('POST /v1/holds', token, order)).body;

/** A problem without what is of this request alone. */
const plain = ({ instance: _, ...problem }: Record<string, unknown>) => problem;
const NEUTRAL = {
  type: 'urn:micropay:problem:counterparty_unavailable',
  title: 'The other party’s wallet cannot take part',
  status: 422,
  detail: 'the other party cannot take part in this; only they or an operator can find out why',
  code: 'counterparty_unavailable',
};

const reasons = Object.keys(REASONS) as Reason[];
const cases = reasons.flatMap((reason) => Object.entries(WAYS).map(([way, pay]) => ({ reason, way, pay })));

describe('of a payee who cannot be paid', () => {
  it.each([...cases, ...reasons.map((reason) => ({ reason, way: 'a hold', pay: HOLD }))])(
    'a payer by $way gets one message, whatever the reason: $reason',
    async ({ reason, way, pay }) => {
      const problem = plain((await pay(payeeWith(reason).order, alice.token)) as Record<string, unknown>);
      const errors = [{ path: 'transfers.0', message: NEUTRAL.detail }];
      expect(problem).toEqual(way === 'a linked transfer' ? { ...NEUTRAL, errors } : NEUTRAL);
    },
  );

  it.each(cases)('an operator by $way gets the reason and the address: $reason', async ({ reason, pay }) => {
    const { user, order } = payeeWith(reason);
    expect(await pay(order, OPERATOR_KEY)).toMatchObject({
      code: reason,
      detail: expect.stringContaining(`users:${user.id}:`),
      details: { accountId: order.to, address: expect.stringContaining(`users:${user.id}:`) },
    });
  });

  it('a dry run by the payer reveals nothing about how much the payee may receive', async () => {
    for (const reason of ['maximum_exceeded', 'balance_overflow'] as const) {
      const { order } = payeeWith(reason);
      const replies: Reply[] = [];
      for (const amount of ['1', '5', '6', '700']) {
        replies.push(await send('POST /v1/transfers', alice.token, { ...order, amount, dryRun: true }));
        const linked = { dryRun: true, transfers: [{ ...order, amount }] };
        replies.push(await send('POST /v1/transfers/linked', alice.token, linked));
        const transfers = [{ ...order, amount, idempotencyKey: randomUUID(), dryRun: true }];
        const { body } = await send('POST /v1/transfers/batch', alice.token, { transfers });
        expect(body.results[0].ok).toBe(true);
      }
      expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    }
    const order = { ...payeeWith('maximum_exceeded').order, dryRun: true };
    expect((await send('POST /v1/transfers', OPERATOR_KEY, order)).body.code).toBe('maximum_exceeded');
  });

  it('a dry run by the payer is refused for the payee’s other reasons as a payment would be', async () => {
    for (const reason of ['account_frozen', 'account_closed', 'currency_mismatch'] as const) {
      const { body } = await send('POST /v1/transfers', alice.token, { ...payeeWith(reason).order, dryRun: true });
      expect(plain(body)).toEqual(NEUTRAL);
    }
  });
});

describe('of a payer who cannot take part any more, the payee', () => {
  let bob: TestUser;
  let carol: TestUser;
  let hold: string;
  let transfer: string;
  let group: string;

  beforeAll(async () => {
    [bob, carol] = [await registerUser(server.url), await registerUser(server.url, { balance: 1_000n })];
    const order = pays(carol.wallet, bob.wallet);
    hold = (await done('POST /v1/holds', carol.token, order)).id;
    transfer = (await done('POST /v1/transfers', carol.token, order)).id;
    const linked = await done('POST /v1/transfers/linked', carol.token, { transfers: [order] });
    group = linked.results[0].transfer.groupId;
  });

  const actions = () => [
    `POST /v1/holds/${hold}/capture`,
    `POST /v1/transfers/${transfer}/reversals`,
    `POST /v1/transfers/groups/${group}/reversals`,
  ];

  it('of a payer who cannot take part any more, the payee who captures, or gives back, hears one sentence of a freeze', async () => {
    await operatorDoes(carol.wallet, 'freeze');
    for (const action of actions()) {
      for (const dryRun of [true, false]) {
        expect((await send(action, bob.token, { dryRun })).body).toMatchObject({ code: NEUTRAL.code, status: 422 });
      }
      expect((await send(action, OPERATOR_KEY, { dryRun: true })).body).toMatchObject({
        code: 'account_frozen',
        details: { address: `users:${carol.id}:usd` },
      });
    }
    await operatorDoes(carol.wallet, 'unfreeze');
  });

  it('of a payer who cannot take part any more, the payee who gives back hears the same of a maximum, and nothing by a dry run', async () => {
    await operatorDoes(carol.wallet, 'limits', { maximum: '980' });
    const action = `POST /v1/transfers/${transfer}/reversals`;
    expect((await send(action, bob.token, {})).body).toMatchObject(NEUTRAL);
    expect((await send(action, bob.token, { dryRun: true })).status).toBe(200);
    expect((await send(action, OPERATOR_KEY, {})).body.code).toBe('maximum_exceeded');
    await operatorDoes(carol.wallet, 'limits', { maximum: null });
  });

  it('a payee gets the full reason only for their own wallet', async () => {
    await operatorDoes(bob.wallet, 'freeze');
    const own = { details: { accountId: bob.wallet, address: `users:${bob.id}:usd` } };
    for (const action of actions()) {
      expect((await send(action, bob.token, {})).body).toMatchObject({ code: 'account_frozen', ...own });
    }
    await operatorDoes(bob.wallet, 'unfreeze');
    const tooMuch = await send('POST /v1/transfers', bob.token, pays(bob.wallet, carol.wallet, '5000'));
    expect(tooMuch.body).toMatchObject({
      code: 'insufficient_funds',
      detail: `account users:${bob.id}:usd has 20 USD available, and 5000 is needed`,
      details: { ...own.details, available: '20', needed: '5000', currency: 'USD' },
    });
  });
});

describe('of their own other wallet a payer', () => {
  it('of their own other wallet a payer hears its maximum, by a dry run too', async () => {
    const savings = (await done('POST /v1/wallets', alice.token, { currency: 'USD', name: 'savings' })).id;
    await operatorDoes(savings, 'limits', { maximum: '5' });
    for (const dryRun of [true, false]) {
      const { body } = await send('POST /v1/transfers', alice.token, { ...pays(alice.wallet, savings), dryRun });
      expect(body).toMatchObject({ code: 'maximum_exceeded', details: { maximum: '5', room: '5', needed: '10' } });
    }
  });
});

it("only operators' live streams deliver a refused request", () => {
  const refused = { type: 'transfer.refused.v1', data: {} } as LedgerEvent;
  expect([...viewersOf(refused)]).toEqual(['operator']);
});
