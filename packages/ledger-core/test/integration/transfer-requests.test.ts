import type { Ledger, SubmitTransferRequest } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let keys = 0;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { a: 1_000n, b: 0n, poor: 0n });
});

function order(part: Partial<SubmitTransferRequest> = {}): SubmitTransferRequest {
  keys += 1;
  return { from: 'a', to: 'b', amount: 1n, currency: 'USD', idempotencyKey: `order-${keys}`, ...part };
}

/** The events of a transfer request, in order. */
function domainEventsOf(transferId: string) {
  return bed.sql<{ type: string; data: unknown }>(
    'select type, data from micropay.events where subject = $1 order by position',
    [transferId],
  );
}

const processRequests = () => ledger.requests.processRequests();

describe('a transfer request', () => {
  it('a transfer request is stored with its event, and moves nothing yet', async () => {
    const before = await postedOf(ledger, 'a');
    const given = order({ description: 'rent', metadata: { month: 7 }, requestedBy: 'user-1' });
    const request = await ledger.requests.submit(given);
    expect(request).toEqual({
      id: expect.any(String),
      transferId: expect.any(String),
      state: 'requested',
      from: 'a',
      to: 'b',
      amount: 1n,
      currency: 'USD',
      description: 'rent',
      metadata: { month: 7 },
      requestedBy: 'user-1',
      requestedAt: expect.any(Date),
      settledAt: null,
      refusal: null,
      replayed: false,
    });
    expect(await postedOf(ledger, 'a')).toBe(before);
    const { replayed: _, ...stored } = request;
    expect(await ledger.requests.get(request.id)).toEqual(stored);
    expect(await domainEventsOf(request.transferId)).toEqual([
      {
        type: 'transfer.requested.v1',
        data: {
          requestId: request.id,
          transferId: request.transferId,
          from: 'a',
          to: 'b',
          amount: '1',
          currency: 'USD',
          description: 'rent',
          metadata: { month: 7 },
          reference: null,
          requestedBy: 'user-1',
        },
      },
    ]);
    await processRequests();
  });

  it('a requested transfer is posted as it was requested, under the announced id', async () => {
    const effectiveAt = new Date('2026-01-02T03:04:05.678Z');
    const given = order({ amount: 10n ** 2n, description: 'x"\\y', metadata: { list: [1, null, 'ü'] }, effectiveAt });
    const { id, transferId } = await ledger.requests.submit(given);
    expect(await processRequests()).toEqual({ posted: 1, refused: 0, putOff: 0 });
    expect(await ledger.requests.get(id)).toMatchObject({ state: 'posted', transferId, settledAt: expect.any(Date) });
    const { amount, description, metadata } = given;
    expect(await ledger.transfers.get(transferId)).toMatchObject({ amount, description, metadata, effectiveAt });
    // The journal row is the event of the posting; only the request has a domain event of its own.
    expect((await domainEventsOf(transferId)).map(({ type }) => type)).toEqual(['transfer.requested.v1']);
    expect(await processRequests()).toEqual({ posted: 0, refused: 0, putOff: 0 });
  });

  it('a requested transfer is refused once and finally, with the reason', async () => {
    const { id, transferId } = await ledger.requests.submit(order({ from: 'poor', amount: 5n }));
    expect(await processRequests()).toEqual({ posted: 0, refused: 1, putOff: 0 });
    await ledger.transfers.post({ from: 'world', to: 'poor', amount: 5n, currency: 'USD' });
    expect(await processRequests()).toEqual({ posted: 0, refused: 0, putOff: 0 });
    const refused = await ledger.requests.get(id);
    const { id: accountId } = await ledger.accounts.get('poor');
    expect(refused).toMatchObject({
      state: 'refused',
      refusal: { code: 'insufficient_funds', message: expect.any(String), details: { accountId } },
    });
    await expect(ledger.transfers.get(transferId)).rejects.toEqual(refusal('transfer_not_found'));
    expect((await domainEventsOf(transferId))[1]).toEqual({
      type: 'transfer.refused.v1',
      data: { requestId: id, transferId, ...refused.refusal },
    });
  });

  it('a repeated transfer request returns the stored one, and its key is refused for another', async () => {
    const given = order();
    const first = await ledger.requests.submit(given);
    expect(await ledger.requests.submit(given)).toEqual({ ...first, replayed: true });
    await processRequests();
    expect(await ledger.requests.submit(given)).toMatchObject({ id: first.id, state: 'posted', replayed: true });
    await expect(ledger.requests.submit({ ...given, amount: 2n })).rejects.toEqual(refusal('idempotency_key_reused'));
    expect(await ledger.requests.submit({ ...given, scope: 'other' })).toMatchObject({ replayed: false });
    expect(await domainEventsOf(first.transferId)).toHaveLength(1);
    await processRequests();
  });

  it('a transfer request shares its key with transfers that are posted immediately', async () => {
    const before = await postedOf(ledger, 'b');
    const [early, late, other] = [order(), order(), order()];
    const first = await ledger.transfers.post(early);
    const requests = await ledger.requests.submitMany([early, late, { ...other, amount: 9n }]);
    await expect(ledger.transfers.post(other)).rejects.toEqual(refusal('idempotency_key_reused'));
    expect(await processRequests()).toEqual({ posted: 3, refused: 0, putOff: 0 });
    expect(await ledger.transfers.post(late)).toMatchObject({ replayed: true });
    expect(await postedOf(ledger, 'b')).toBe(before + 11n);
    const [replayed, posted] = requests.map((result) => (result.ok ? result.request : undefined));
    expect(await ledger.requests.get(replayed?.id ?? '')).toMatchObject({ state: 'posted', transferId: first.id });
    expect((await domainEventsOf(replayed?.transferId ?? '')).at(-1)).toEqual({
      type: 'transfer.request_replayed.v1',
      data: { requestId: replayed?.id, transferId: replayed?.transferId, postedTransferId: first.id },
    });
    expect(await ledger.requests.get(posted?.id ?? '')).toMatchObject({ transferId: posted?.transferId });
  });

  it('a requested transfer stands beside its neighbours: each of many has its own answer, repetitions in one call too', async () => {
    const given = order();
    const results = await ledger.requests.submitMany([given, order({ amount: 0n }), given, { ...given, amount: 2n }]);
    expect(results).toEqual([
      { ok: true, request: expect.objectContaining({ replayed: false }) },
      { ok: false, error: refusal('invalid_amount') },
      { ok: true, request: expect.objectContaining({ replayed: true }) },
      { ok: false, error: refusal('idempotency_key_reused') },
    ]);
    expect(await ledger.requests.submitMany([])).toEqual([]);
    await processRequests();
  });

  it('a requested transfer commits or vanishes with the caller’s own transaction', async () => {
    const client = await bed.connect();
    const [kept, dropped] = [order(), order()];
    await client.query('begin');
    const { id } = await ledger.within(fromPg(client)).requests.submit(kept);
    expect(await processRequests()).toEqual({ posted: 0, refused: 0, putOff: 0 });
    await client.query('commit');
    await client.query('begin');
    const gone = await ledger.within(fromPg(client)).requests.submit(dropped);
    const refused = ledger.within(fromPg(client)).requests.submit({ ...kept, amount: 7n });
    await expect(refused).rejects.toEqual(refusal('idempotency_key_reused'));
    await client.query('rollback');
    expect(await processRequests()).toEqual({ posted: 1, refused: 0, putOff: 0 });
    expect(await ledger.requests.get(id)).toMatchObject({ state: 'posted' });
    await expect(ledger.requests.get(gone.id)).rejects.toEqual(refusal('transfer_request_not_found'));
    expect(await domainEventsOf(gone.transferId)).toEqual([]);
  });

  it('a requested transfer is seen in its own ledger alone', async () => {
    const { id } = await ledger.requests.submit(order());
    const other = ledger.inLedger('other');
    await expect(other.requests.get(id)).rejects.toEqual(refusal('transfer_request_not_found'));
    expect(await other.requests.processRequests()).toEqual({ posted: 0, refused: 0, putOff: 0 });
    await processRequests();
  });

  it.each([
    ['no key', { idempotencyKey: undefined }],
    ['an id', { id: '0190b7c4-0000-7000-8000-000000000001' }],
    ['a member that it does not know', { dryRun: true }],
    ['a bad account', { from: '' }],
    ['a NUL in who asks', { requestedBy: 'a\u0000b' }],
    ['half a character in who asks', { requestedBy: 'a\ud800' }],
    ['nobody who asks', { requestedBy: '' }],
    ['somebody too long', { requestedBy: 'x'.repeat(256) }],
  ])('a requested transfer with %s is refused at once', async (_, part) => {
    const given = order(part as never);
    await expect(ledger.requests.submit(given)).rejects.toEqual(refusal('invalid_request'));
  });

  it('a requested transfer is refused at once when it is no object', async () => {
    await expect(ledger.requests.submit(null as never)).rejects.toEqual(refusal('invalid_request'));
  });
});

describe('an outcome', () => {
  it('an outcome cannot be changed, nor a request become another or vanish', async () => {
    const { id } = await ledger.requests.submit(order());
    const update = (change: string) => bed.sql(`update micropay.transfer_requests set ${change} where id = $1`, [id]);
    await expect(update(`request = '{}'`)).rejects.toThrow('cannot become another request');
    // PostgreSQL tells of an error a moment before it lets the row go.
    await expect.poll(async () => (await processRequests()).posted).toBe(1);
    await expect(update(`state = 'requested', settled_at = null`)).rejects.toThrow('its outcome is final');
    await expect(bed.sql('delete from micropay.transfer_requests')).rejects.toThrow('append-only');
    await expect(bed.sql('truncate micropay.transfer_requests')).rejects.toThrow('append-only');
  });
});

describe('processing requests', () => {
  it('processRequests leaves requests that need a locked account for later, and continues with the rest', async () => {
    await openWallets(ledger, { held: 10n });
    const holder = await bed.connect();
    await holder.query('begin');
    await holder.query(
      `select from micropay.balances b join micropay.accounts a on a.id = b.account_id where a.address = 'held' for update of b`,
    );
    const results = await ledger.requests.submitMany([
      order({ from: 'held' }),
      order(),
      order({ to: 'held' }),
      order(),
    ]);
    expect(await processRequests()).toEqual({ posted: 2, refused: 0, putOff: 2 });
    await holder.query('rollback');
    await expect.poll(async () => (await processRequests()).posted, { timeout: 10_000 }).toBe(2);
    for (const result of results) {
      expect(result.ok && (await ledger.requests.get(result.request.id)).state).toBe('posted');
    }
  });

  it('processRequests passes over a request that PostgreSQL refuses, and reports it', async () => {
    await openWallets(ledger, { cursed: 10n });
    const { id: cursed } = await ledger.accounts.get('cursed');
    await bed.sql(`create function micropay.fault() returns trigger language plpgsql as
      $$ begin raise exception 'a fault' using errcode = 'raise_exception'; end $$`);
    await bed.sql(`create trigger fault before insert on micropay.transfers for each row
      when (new.from_account = '${cursed}') execute function micropay.fault()`);
    const orders = [order(), order({ from: 'cursed' }), order(), order(), order()];
    const results = await ledger.requests.submitMany(orders);
    const faults: string[] = [];
    const worked = await ledger.requests.processRequests({ onFault: (_, id) => faults.push(id) });
    expect(worked).toEqual({ posted: 4, refused: 0, putOff: 1 });
    const faulty = results[1]?.ok ? results[1].request.id : '';
    expect(faults).toEqual([faulty]);
    expect(await ledger.requests.get(faulty)).toMatchObject({ state: 'requested' });
    await bed.sql('drop trigger fault on micropay.transfers');
    await bed.sql('update micropay.transfer_requests set due_at = now() where id = $1', [faulty]);
    expect(await processRequests()).toEqual({ posted: 1, refused: 0, putOff: 0 });
  });

  it('backlog returns how many requests are open in this ledger, and the age of the oldest', async () => {
    const other = bed.ledger({ name: 'other' });
    await openWallets(other, { a: 1n, b: 0n });
    await other.requests.submit(order());
    await bed.sql('select pg_sleep(0.2)');
    await ledger.requests.submit(order());
    await bed.sql('select pg_sleep(0.1)');
    await ledger.requests.submitMany([order(), order()]);
    const mine = await ledger.requests.backlog();
    const theirs = await other.requests.backlog();
    expect([mine.rows, theirs.rows]).toEqual([3, 1]);
    expect(mine.seconds).toBeGreaterThanOrEqual(0.1);
    expect(theirs.seconds).toBeGreaterThanOrEqual(0.3);
    expect(mine.seconds).toBeLessThan(theirs.seconds);
    await processRequests();
    expect(await ledger.requests.backlog()).toEqual({ rows: 0, seconds: 0 });
    await other.requests.processRequests();
  });

  it('processRequests takes the oldest requests first, up to its limit', async () => {
    const results = await ledger.requests.submitMany([order(), order(), order()]);
    expect(await ledger.requests.processRequests({ batchSizeMax: 2 })).toMatchObject({ posted: 2 });
    const states = await Promise.all(
      results.map(async (result) => result.ok && (await ledger.requests.get(result.request.id)).state),
    );
    expect(states).toEqual(['posted', 'posted', 'requested']);
    await processRequests();
    expect(await ledger.requests.backlog()).toEqual({ rows: 0, seconds: 0 });
    await expect(ledger.requests.processRequests({ batchSizeMax: 0 })).rejects.toEqual(refusal('invalid_request'));
    await expectSound(ledger);
  });
});
