import { type Ledger, LedgerError } from '@micropay/ledger-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
let hold: string;
let paid: string;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { alice: 100n, bob: 0n });
  hold = (await ledger.holds.place({ from: 'alice', to: 'bob', amount: 10n, currency: 'USD' })).id;
  paid = (await ledger.transfers.post({ from: 'alice', to: 'bob', amount: 10n, currency: 'USD' })).id;
});

const payment = { from: 'alice', to: 'bob', amount: 5n, currency: 'USD' };

/** All that a trace could be left in. */
async function everything() {
  const tables = ['transfers', 'balances', 'holds', 'events'];
  const rows = await Promise.all(
    tables.map((table) => bed.sql(`select t::text from micropay.${table} t order by t::text`)),
  );
  const positions = await bed.sql('select last_value from micropay.event_position');
  return { rows, positions };
}

type Way = (dryRun: boolean) => Promise<unknown>;

const WAYS: readonly (readonly [string, Way])[] = [
  ['a transfer', (dryRun) => ledger.transfers.post({ ...payment, dryRun })],
  ['a transfer with a key', (dryRun) => ledger.transfers.post({ ...payment, dryRun, idempotencyKey: 'once' })],
  ['a linked group', (dryRun) => ledger.transfers.postLinked([payment, { ...payment, kind: 'hold' }], { dryRun })],
  ['a hold', (dryRun) => ledger.holds.place({ ...payment, dryRun })],
  ['a capture', (dryRun) => ledger.holds.capture(hold, { amount: 1n, dryRun })],
  ['a reversal', (dryRun) => ledger.transfers.reverse(paid, { amount: 1n, dryRun })],
  ['a reversal that overdraws', (dryRun) => ledger.transfers.reverse(paid, { amount: 2n, dryRun, allowOverdraft: {} })],
  ['too much', (dryRun) => ledger.transfers.post({ ...payment, amount: 1_000n, dryRun })],
  ['a capture of too much', (dryRun) => ledger.holds.capture(hold, { amount: 1_000n, dryRun })],
];

/** The parts of a result that are the same in every run. */
function withoutIds(answer: unknown): unknown {
  if (answer instanceof LedgerError) return { code: answer.code, details: answer.details };
  if (Array.isArray(answer)) return answer.map(withoutIds);
  const { id: _, recordedAt, effectiveAt, groupId, ...rest } = answer as Record<string, unknown>;
  return rest;
}

describe('a dry run', () => {
  it.each(WAYS)('a dry run of %s answers as the run would, and leaves no trace', async (_, way) => {
    const before = await everything();
    const dry = await way(true).catch((error: unknown) => error);
    expect(await everything()).toEqual(before);
    const wet = await way(false).catch((error: unknown) => error);
    expect(withoutIds(dry)).toEqual(withoutIds(wet));
  });

  it('a dry run of what was posted before answers with that', async () => {
    const request = { ...payment, amount: 1n, idempotencyKey: 'before' };
    const posted = await ledger.transfers.post(request);
    expect(await ledger.transfers.post({ ...request, dryRun: true })).toEqual({ ...posted, replayed: true });
    await expect(ledger.transfers.post({ ...request, amount: 2n, dryRun: true })).rejects.toEqual(
      refusal('idempotency_key_reused'),
    );
  });

  it('a dry run changes nothing for those it shares a batch with', async () => {
    const { available } = await ledger.accounts.get('alice');
    const all = { ...payment, amount: available ?? 0n };
    const dry = Array.from({ length: 20 }, () => ledger.transfers.post({ ...all, dryRun: true }));
    const answers = await Promise.all([...dry, ledger.transfers.post(all)]);
    expect(answers.length).toBe(21);
    expect((await ledger.accounts.get('alice')).available).toBe(0n);
    await expectSound(ledger);
  });
});
