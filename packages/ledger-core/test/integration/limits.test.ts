import { createRelay, type Ledger, type LedgerEvent } from '@micropay/ledger-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}` });
  await openWallets(ledger, { alice: 100n, bob: 0n });
});

const pay = (amount: bigint, from = 'alice', to = 'bob') =>
  ledger.transfers.post({ from, to, amount, currency: 'USD' });

async function told(): Promise<readonly LedgerEvent[]> {
  const publisher = createRecordingPublisher();
  const relay = createRelay({ database: bed.url, sink: `all-${books}`, publisher });
  relay.start();
  await expect.poll(async () => (await relay.status()).rows).toBe(0);
  await relay.stop();
  return publisher.first().filter((event) => event.ledger === ledger.name);
}

describe('limits', () => {
  it('limits hold from the change on', async () => {
    await ledger.accounts.setLimits('alice', { minimum: 60n });
    await expect(pay(41n)).rejects.toEqual(refusal('insufficient_funds'));
    await pay(40n);
    await ledger.accounts.setLimits('alice', { minimum: -10n });
    await pay(70n);
    expect(await ledger.accounts.get('alice')).toMatchObject({ posted: -10n, minimum: -10n, available: 0n });
    await ledger.accounts.setLimits('alice', { minimum: null });
    expect((await ledger.accounts.get('alice')).available).toBeNull();
  });

  it.each([
    ['a minimum above the balance', 'alice', { minimum: 101n }, 'minimum'],
    ['a minimum above what is not held', 'alice', { minimum: 71n }, 'minimum'],
    ['a maximum below the balance', 'alice', { maximum: 99n }, 'maximum'],
    ['a maximum below what may come in', 'bob', { maximum: 29n }, 'maximum'],
  ])('limits are refused: %s', async (_, address, limits, limit) => {
    await ledger.holds.place({ from: 'alice', to: 'bob', amount: 30n, currency: 'USD' });
    const before = await ledger.accounts.get(address);
    await expect(ledger.accounts.setLimits(address, limits)).rejects.toEqual(
      refusal('limit_broken', { details: expect.objectContaining({ limit }) }),
    );
    expect(await ledger.accounts.get(address)).toEqual(before);
  });

  it.each([
    ['none', {}],
    ['a number', { minimum: 5 }],
    ['39 digits', { maximum: 10n ** 38n }],
    ['a reason that is none', { minimum: 0n, reason: '' }],
  ])('limits are refused when they are malformed: %s', async (_, limits) => {
    await expect(ledger.accounts.setLimits('alice', limits as never)).rejects.toEqual(refusal('invalid_request'));
  });

  it('limits stand against a transfer that races with them', async () => {
    const engines = [ledger, bed.ledger({ name: ledger.name })];
    for (let round = 0; round < 20; round += 1) {
      await ledger.accounts.setLimits('alice', { minimum: null });
      const { posted } = await ledger.accounts.get('alice');
      await Promise.allSettled([
        engines[0]?.accounts.setLimits('alice', { minimum: posted }),
        engines[1]?.transfers.post({ from: 'alice', to: 'bob', amount: 1n, currency: 'USD' }),
      ]);
      const after = await ledger.accounts.get('alice');
      expect(after.minimum === null || after.posted >= after.minimum).toBe(true);
    }
    await expectSound(ledger);
  });

  it('a change of limits writes one event with who and why', async () => {
    await ledger.accounts.setLimits('alice', { maximum: 500n, by: 'operator:7', reason: 'tier 2' });
    await ledger.accounts.setLimits('alice', { maximum: 500n, by: 'operator:7' });
    const changes = (await told()).filter(({ type }) => type === 'account.limits_changed.v1');
    expect(changes.map(({ data }) => data)).toEqual([
      {
        address: 'alice',
        minimum: '0',
        maximum: '500',
        minimumBefore: '0',
        maximumBefore: null,
        by: 'operator:7',
        reason: 'tier 2',
      },
    ]);
  });

  it('events report the available balance by the limits of their time', async () => {
    await pay(10n);
    await ledger.accounts.setLimits('alice', { minimum: 50n });
    await pay(10n);
    await ledger.accounts.setLimits('alice', { minimum: null });
    await pay(10n);
    await ledger.accounts.setLimits('alice', { minimum: -5n });
    await pay(10n);
    const available = (await told()).flatMap((event) =>
      event.type === 'balance.changed.v1' && event.data.address === 'alice' ? [event.data.available] : [],
    );
    expect(available).toEqual(['100', '90', '30', null, '65']);
  });
});

describe('a closed account', () => {
  it('a closed account had a balance of zero, takes nothing and stays closed', async () => {
    await expect(ledger.accounts.close('alice')).rejects.toEqual(
      refusal('account_not_empty', { details: expect.objectContaining({ posted: '100' }) }),
    );
    const closed = await ledger.accounts.close('bob', { by: 'operator:7', reason: 'asked for' });
    expect(closed.status).toBe('closed');
    await expect(pay(1n)).rejects.toEqual(refusal('account_closed'));
    await expect(ledger.accounts.unfreeze('bob')).rejects.toEqual(refusal('account_closed'));
    await expect(ledger.accounts.setLimits('bob', { minimum: null })).rejects.toEqual(refusal('account_closed'));
    expect((await ledger.accounts.close('bob')).status).toBe('closed');
    const closings = (await told()).filter(({ type }) => type === 'account.closed.v1');
    expect(closings.map(({ data }) => data)).toEqual([
      { address: 'bob', from: 'open', to: 'closed', by: 'operator:7', reason: 'asked for' },
    ]);
  });

  it('a closed account never has money, however it races', async () => {
    const engines = [ledger, bed.ledger({ name: ledger.name })];
    for (let round = 0; round < 10; round += 1) {
      const address = `short:${round}`;
      await ledger.accounts.open({ address, currency: 'USD' });
      await Promise.allSettled([
        engines[0]?.accounts.close(address),
        engines[1]?.transfers.post({ from: 'alice', to: address, amount: 1n, currency: 'USD' }),
      ]);
      const { status, posted } = await ledger.accounts.get(address);
      expect([status, posted]).toEqual(status === 'closed' ? ['closed', 0n] : ['open', 1n]);
    }
  });
});
