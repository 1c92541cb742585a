import type { CaptureHold, Ledger, LinkedLeg, ReverseTransfer } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  ledger = bed.ledger({ name: `book-${books}` });
  await openWallets(ledger, { alice: 1_000n, bob: 0n, carol: 0n });
});

const MAY = new Date('2026-05-20T12:00:00.000Z');
const FUTURE = new Date('2999-01-01T00:00:00.000Z');
const later = (at: Date, ms: number) => new Date(at.getTime() + ms);

const pay = (more: { effectiveAt?: Date } = {}) =>
  ledger.transfers.post({ from: 'alice', to: 'bob', amount: 100n, currency: 'USD', ...more });
const hold = () => ledger.holds.place({ from: 'alice', to: 'bob', amount: 100n, currency: 'USD' });
const holdIn = async () => {
  const { id } = await hold();
  return { id, at: (await ledger.transfers.get(id)).effectiveAt };
};

type Continue = (options: ReverseTransfer & CaptureHold) => Promise<unknown>;

/** Everything that can be continued: when it is effective, and what continues it. */
const CONTINUATIONS: readonly [string, () => Promise<{ at: Date; continueIt: Continue }>][] = [
  [
    'a reversal of a transfer of the past',
    async () => {
      const { id } = await pay({ effectiveAt: MAY });
      return { at: MAY, continueIt: (options) => ledger.transfers.reverse(id, options) };
    },
  ],
  [
    'a reversal of a transfer that is not dated',
    async () => {
      const { id, effectiveAt } = await pay();
      return { at: effectiveAt, continueIt: (options) => ledger.transfers.reverse(id, options) };
    },
  ],
  [
    'a reversal of a transfer of the future',
    async () => {
      const { id } = await pay({ effectiveAt: FUTURE });
      return { at: FUTURE, continueIt: (options) => ledger.transfers.reverse(id, options) };
    },
  ],
  [
    'a partial reversal',
    async () => {
      const { id } = await pay({ effectiveAt: MAY });
      return { at: MAY, continueIt: (options) => ledger.transfers.reverse(id, { ...options, amount: 1n }) };
    },
  ],
  [
    'a linked reversal',
    async () => {
      const { id: transfer } = await pay({ effectiveAt: MAY });
      const legOf = (options: ReverseTransfer): LinkedLeg => ({ ...options, kind: 'reversal', transfer });
      return {
        at: MAY,
        continueIt: ({ effectiveAt }) => ledger.transfers.postLinked([legOf({ effectiveAt } as never)]),
      };
    },
  ],
  [
    'a reversal of a transfer request',
    async () => {
      const order = { from: 'alice', to: 'bob', amount: 100n, currency: 'USD', effectiveAt: MAY, idempotencyKey: 'r' };
      const { transferId } = await ledger.requests.submit(order);
      await ledger.requests.processRequests();
      return { at: MAY, continueIt: (options) => ledger.transfers.reverse(transferId, options) };
    },
  ],
  [
    'a reversal of a linked group, by its latest leg',
    async () => {
      const leg = { from: 'alice', to: 'bob', amount: 10n, currency: 'USD' };
      const legs = [
        { ...leg, effectiveAt: MAY },
        { ...leg, effectiveAt: later(MAY, 5_000) },
      ];
      const [first] = await ledger.transfers.postLinked(legs);
      return {
        at: later(MAY, 5_000),
        continueIt: (options) => ledger.transfers.reverseLinked(first?.id ?? '', options),
      };
    },
  ],
  [
    'a capture',
    async () => {
      const { id, at } = await holdIn();
      return { at, continueIt: (options) => ledger.holds.capture(id, options) };
    },
  ],
  [
    'a capture of a part',
    async () => {
      const { id, at } = await holdIn();
      await ledger.holds.capture(id, { amount: 10n });
      return { at, continueIt: (options) => ledger.holds.capture(id, { ...options, amount: 20n, final: true }) };
    },
  ],
  [
    'a linked capture',
    async () => {
      const { id, at } = await holdIn();
      return {
        at,
        continueIt: ({ effectiveAt }) =>
          ledger.transfers.postLinked([{ kind: 'capture', hold: id, effectiveAt } as LinkedLeg]),
      };
    },
  ],
  [
    'a reversal of a partial capture that is dated itself',
    async () => {
      const { id } = await hold();
      const { id: captured } = await ledger.holds.capture(id, { amount: 30n, effectiveAt: FUTURE });
      return { at: FUTURE, continueIt: (options) => ledger.transfers.reverse(captured, options) };
    },
  ],
];

describe('what continues something', () => {
  it.each(CONTINUATIONS)('what continues something is not effective before it: %s', async (_, begin) => {
    const { at, continueIt } = await begin();
    const refused = refusal('effective_before_original', {
      retryable: false,
      details: expect.objectContaining({ effectiveAt: at.toISOString() }),
    });
    for (const dryRun of [true, false]) {
      const early = { effectiveAt: later(at, -1), ...(dryRun ? { dryRun } : {}) };
      await expect(continueIt(early)).rejects.toEqual(refused);
    }
    await continueIt({ effectiveAt: at });
    await expectSound(ledger);
  });

  it.each(CONTINUATIONS)(
    'what continues something is effective with it or later when nothing is said: %s',
    async (_, begin) => {
      const { at, continueIt } = await begin();
      const answer = await continueIt({});
      const [last] = (Array.isArray(answer) ? answer : [answer]) as [{ recordedAt: Date; effectiveAt: Date }];
      expect(last.effectiveAt.getTime()).toBe(Math.max(at.getTime(), last.recordedAt.getTime()));
      await expectSound(ledger);
    },
  );

  it('what continues something leaves no wallet below its minimum by effective time', async () => {
    const { id } = await pay({ effectiveAt: MAY });
    await expect(ledger.transfers.reverse(id, { effectiveAt: later(MAY, -15 * 86_400_000) })).rejects.toEqual(
      refusal('effective_before_original', {
        details: { transferId: id, effectiveAt: MAY.toISOString() },
      }),
    );
    const onFifth = await ledger.accounts.balanceAt('bob', { at: '2026-05-05', by: 'effective' });
    expect(onFifth.posted).toBe(0n);
  });

  it('what continues something names the hold that a capture comes before', async () => {
    const { id, at } = await holdIn();
    await expect(ledger.holds.capture(id, { effectiveAt: MAY })).rejects.toEqual(
      refusal('effective_before_original', { details: { holdId: id, effectiveAt: at.toISOString() } }),
    );
  });

  it('what continues something is judged in a caller’s transaction too', async () => {
    const { id } = await pay({ effectiveAt: MAY });
    const client = await bed.connect();
    await client.query('begin');
    const within = ledger.within(fromPg(client));
    await expect(within.transfers.reverse(id, { effectiveAt: later(MAY, -1) })).rejects.toEqual(
      refusal('effective_before_original'),
    );
    await within.transfers.reverse(id, { effectiveAt: MAY });
    await client.query('commit');
  });

  it.each<[string, (id: string) => LinkedLeg, string]>([
    ['a hold', (hold) => ({ kind: 'capture', hold }), 'hold_not_found'],
    ['a transfer', (transfer) => ({ kind: 'reversal', transfer }), 'transfer_not_found'],
  ])('what continues something is no leg of the same group: %s', async (_, continuing, code) => {
    const id = '0190b7c4-0000-7000-8000-000000000011';
    const kind = code === 'hold_not_found' ? ('hold' as const) : ('transfer' as const);
    const first = { kind, id, from: 'alice', to: 'bob', amount: 1n, currency: 'USD' };
    await expect(ledger.transfers.postLinked([first, continuing(id)])).rejects.toEqual(refusal(code));
  });

  it('what continues something cannot be written by hand before it either', async () => {
    const { id } = await pay({ effectiveAt: MAY });
    const held = await hold();
    const write = (kind: string, original: string, effectiveAt: Date | null) =>
      bed.sql(
        `insert into micropay.transfers (recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
           currency, amount, from_posted, to_posted, original_id, effective_at)
         select recorded_at, 1e9, 1e9, ledger, $1, gen_random_uuid(), to_account, from_account, currency, amount, 0, 0, id, $3
         from micropay.transfers where id = $2`,
        [kind, original, effectiveAt?.toISOString() ?? null],
      );
    const broken = { code: '23514', constraint: 'transfers_effective_after_original' };
    await expect(write('reversal', id, later(MAY, -1))).rejects.toMatchObject(broken);
    await expect(write('capture', held.id, MAY)).rejects.toMatchObject(broken);
    const future = await pay({ effectiveAt: FUTURE });
    await expect(write('reversal', future.id, null)).rejects.toMatchObject(broken);
  });
});
