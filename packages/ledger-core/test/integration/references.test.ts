import type { Ledger } from '@micropay/ledger-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await ledger.accounts.open({ address: 'world:usd', currency: 'USD' });
  await ledger.accounts.open({ address: 'shop:usd', currency: 'USD' });
  await ledger.accounts.open({ address: 'payer:usd', currency: 'USD' });
  await ledger.transfers.post({ from: 'world:usd', to: 'payer:usd', amount: 100_000n, currency: 'USD' });
});

const payment = { from: 'payer:usd', to: 'shop:usd', amount: 10n, currency: 'USD' };

describe('the reference of a transfer', () => {
  it('is in the result, in the row as it is read again and in both entries', async () => {
    const posted = await ledger.transfers.post({ ...payment, reference: 'order-4711 "ä"' });
    expect(posted.reference).toBe('order-4711 "ä"');
    expect((await ledger.transfers.get(posted.id)).reference).toBe('order-4711 "ä"');
    for (const account of ['payer:usd', 'shop:usd']) {
      const { data } = await ledger.accounts.entries(account, { limit: 1 });
      expect(data[0]).toMatchObject({ transferId: posted.id, reference: 'order-4711 "ä"' });
    }
  });

  it('is null without one, beside a neighbour that has one', async () => {
    const results = await ledger.transfers.postMany([payment, { ...payment, reference: 'only-this' }, payment]);
    const references = results.map((result) => (result.ok ? result.transfer.reference : result.error));
    expect(references).toEqual([null, 'only-this', null]);
  });

  it('is part of the request: the same key with another reference is refused, with the same one it replays', async () => {
    const request = { ...payment, reference: 'order-1', idempotencyKey: 'reference-key' };
    const { id } = await ledger.transfers.post(request);
    await expect(ledger.transfers.post({ ...request, reference: 'order-2' })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
    expect(await ledger.transfers.post(request)).toMatchObject({ id, replayed: true, reference: 'order-1' });
  });

  it('is each leg of its own in a linked group, a capture and a reversal among them', async () => {
    const hold = await ledger.holds.place({ ...payment, reference: 'hold-1' });
    const { id: transfer } = await ledger.transfers.post(payment);
    const legs = await ledger.transfers.postLinked([
      { ...payment, reference: 'leg-1' },
      { kind: 'capture', hold: hold.id, amount: 4n, reference: 'capture-1' },
      { kind: 'release', hold: hold.id, reference: 'release-1' },
      { kind: 'reversal', transfer, reference: 'reversal-1' },
      { kind: 'hold', ...payment, reference: 'hold-2' },
    ]);
    const references = ['leg-1', 'capture-1', 'release-1', 'reversal-1', 'hold-2'];
    expect(legs.map(({ reference }) => reference)).toEqual(references);
    const group = await ledger.transfers.getLinked(legs[0]?.groupId as string);
    expect(group.map(({ reference }) => reference)).toEqual(references);
    expect(await ledger.holds.get(legs[4]?.id as string)).toMatchObject({ reference: 'hold-2', state: 'open' });
  });

  it('of a hold stays while it is captured and released', async () => {
    const placed = await ledger.holds.place({ ...payment, reference: 'booking-7' });
    expect(placed.reference).toBe('booking-7');
    await ledger.holds.capture(placed.id, { amount: 3n, final: true });
    expect(await ledger.holds.get(placed.id)).toMatchObject({ reference: 'booking-7', state: 'captured' });
    const { data } = await ledger.holds.list('payer:usd', { limit: 1 });
    expect(data[0]).toMatchObject({ id: placed.id, reference: 'booking-7' });
    const change = `update micropay.holds set reference = 'other' where id = $1`;
    await expect(bed.sql(change, [placed.id])).rejects.toMatchObject({ code: '23001' });
  });

  it('of a transfer request is that of its transfer', async () => {
    const request = { ...payment, reference: 'later-1', idempotencyKey: 'later-1' };
    const submitted = await ledger.requests.submit(request);
    expect(submitted.reference).toBe('later-1');
    await ledger.requests.processRequests();
    expect(await ledger.transfers.get(submitted.transferId)).toMatchObject({ reference: 'later-1' });
    await expect(ledger.requests.submit({ ...request, reference: 'later-2' })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  it.each(['', 'a'.repeat(256), 'a\nb', 'a\0', '\ud800', 7, null])(
    'is refused as %j, which names the field',
    async (reference) => {
      const bad = { ...payment, reference: reference as string };
      const refusal = { code: 'invalid_request', details: { field: 'reference' } };
      await expect(ledger.transfers.post(bad)).rejects.toMatchObject(refusal);
      await expect(ledger.holds.place(bad)).rejects.toMatchObject(refusal);
    },
  );

  it('counts characters, not units: 255 beyond U+FFFF are taken', async () => {
    const reference = '😀'.repeat(255);
    expect((await ledger.transfers.post({ ...payment, reference })).reference).toBe(reference);
  });
});
