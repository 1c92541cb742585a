import { describe, expect, it } from 'vitest';
import { createBatchStates } from '../../../test/support/batch-states.js';
import { LedgerError } from '../../errors.js';
import type { AccountId } from '../accounts/account.js';
import { type HeldAmount, isDue } from '../transfers/hold.js';
import type { Leg } from '../transfers/leg.js';
import type { Original } from '../transfers/reversal.js';
import type { PostedTransfer, Transfer, TransferId } from '../transfers/transfer.js';
import type { Balance } from './balance.js';
import { type BatchState, decide } from './decide.js';

const ALICE = 'account-a' as AccountId;
const BOB = 'account-b' as AccountId;
const HOLD = 'hold-1' as TransferId;
const ORIGINAL = 'transfer-1' as TransferId;
const NOW_MS = Date.parse('2026-05-05T12:00:00Z');
const AUDIT = { by: 'operator' };
const at = (ms: number) => new Date(NOW_MS + ms);

const states = createBatchStates(NOW_MS);

interface Given {
  readonly alice?: Partial<Balance>;
  readonly bob?: Partial<Balance>;
  readonly hold?: Partial<HeldAmount>;
  readonly original?: Partial<Transfer>;
  readonly reversed?: bigint;
}

/** Alice holds 60 for Bob, of which 20 are captured; she has paid him 50 before. */
function stateOf({ alice, bob, hold, original, reversed = 0n }: Given = {}): BatchState {
  const held: HeldAmount = {
    id: HOLD,
    currency: 'USD',
    amount: 60n,
    reference: null,
    expiresAtMs: null,
    from: ALICE,
    to: BOB,
    captured: 20n,
    remaining: 40n,
    state: 'open',
    changed: false,
    ...hold,
  };
  const transfer = { id: ORIGINAL, kind: 'transfer', from: ALICE, to: BOB, amount: 50n, ...original } as Transfer;
  return {
    ...states.stateOf(
      states.balanceOf(ALICE, { debitsPending: 40n, ...alice }),
      states.balanceOf(BOB, { creditsPending: 40n, ...bob }),
    ),
    holds: new Map([[HOLD, held]]),
    originals: new Map<TransferId, Original>([[ORIGINAL, { transfer, reversed }]]),
  };
}

interface Asked {
  readonly originalEffectiveAt?: Date | null;
  readonly dryRun?: boolean;
}

/** The outcome of one leg. A reversal moves the money from Bob back to Alice. */
function outcomeOf(leg: Leg, state: BatchState, { originalEffectiveAt = null, dryRun = false }: Asked = {}) {
  const [from, to] = leg.kind === 'reversal' ? [BOB, ALICE] : [ALICE, BOB];
  const resolved = {
    id: 'new-1' as TransferId,
    idGiven: false,
    leg,
    from,
    to,
    originalEffectiveAt,
    limitsOf: 'both' as const,
  };
  const candidate = {
    legs: [resolved],
    linked: false,
    dryRun,
    keyDigest: null,
    requestDigest: null,
    sequence: null,
    traceparent: null,
  };
  const decision = decide([candidate], state);
  const [outcome] = decision.outcomes;
  if (outcome instanceof LedgerError) return { decision, code: outcome.code, details: outcome.details };
  return { decision, code: 'posted', details: {}, transfer: outcome?.[0] as PostedTransfer };
}

const posted = (state: BatchState, accountId: AccountId) => {
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = state.balances.get(accountId) as Balance;
  return { debitsPosted, creditsPosted, debitsPending, creditsPending };
};

const capture: Leg = { kind: 'capture', hold: HOLD };
const release: Leg = { kind: 'release', hold: HOLD };
const expiry: Leg = { kind: 'expiry', hold: HOLD };
const place: Leg = { kind: 'hold', from: 'alice', to: 'bob', amount: 60n, currency: 'USD' };
const reversal: Leg = { kind: 'reversal', transfer: ORIGINAL };

describe('a hold', () => {
  it('a hold is pending on both sides, posts nothing and is open', () => {
    const state = stateOf();
    const { decision, transfer } = outcomeOf({ ...place, expiresAt: at(1) }, state);
    expect(posted(state, ALICE)).toEqual({
      debitsPosted: 0n,
      creditsPosted: 100n,
      debitsPending: 100n,
      creditsPending: 0n,
    });
    expect(posted(state, BOB)).toEqual({
      debitsPosted: 0n,
      creditsPosted: 100n,
      debitsPending: 0n,
      creditsPending: 100n,
    });
    expect(transfer).toMatchObject({ kind: 'hold', amount: 60n, expiresAt: at(1), originalId: null, released: 0n });
    expect(decision.holds).toEqual([
      {
        id: 'new-1',
        currency: 'USD',
        amount: 60n,
        expiresAtMs: NOW_MS + 1,
        reference: null,
        from: ALICE,
        to: BOB,
        captured: 0n,
        remaining: 60n,
        state: 'open',
        changed: true,
      },
    ]);
  });

  it.each<[string, Given, Partial<typeof place>, string]>([
    ['of all that is available', {}, {}, 'posted'],
    ['of one more than is available', {}, { amount: 61n }, 'insufficient_funds'],
    ['up to the maximum of the payee', { bob: { maximum: 200n } }, {}, 'posted'],
    ['of one more than the payee may take', { bob: { maximum: 199n } }, {}, 'maximum_exceeded'],
    ['of another currency', {}, { currency: 'EUR' }, 'currency_mismatch'],
    ['that expires a moment later', {}, { expiresAt: at(1) }, 'posted'],
    ['that expires at once', {}, { expiresAt: at(0) }, 'expiry_in_past'],
    [
      'that expires before the last change of the account',
      { alice: { recordedAtMs: NOW_MS + 5 } },
      { expiresAt: at(5) },
      'expiry_in_past',
    ],
  ])('a hold %s is answered with $3', (_case, given, part, code) => {
    expect(outcomeOf({ ...place, ...part } as Leg, stateOf(given)).code).toBe(code);
  });

  it('a dry run of a hold changes nothing', () => {
    const state = stateOf();
    const { decision, code } = outcomeOf(place, state, { dryRun: true });
    expect(code).toBe('posted');
    expect(decision).toMatchObject({ rows: [], balances: [], holds: [] });
    expect(state).toEqual(stateOf());
  });
});

describe('a capture', () => {
  it.each<[string, Leg, { amount: bigint; released: bigint; hold: Partial<HeldAmount>; pending: bigint }]>([
    [
      'of all that is left closes the hold',
      capture,
      { amount: 40n, released: 0n, hold: { captured: 60n, remaining: 0n, state: 'captured' }, pending: 0n },
    ],
    [
      'of a part keeps the hold open',
      { ...capture, amount: 15n },
      { amount: 15n, released: 0n, hold: { captured: 35n, remaining: 25n, state: 'open' }, pending: 25n },
    ],
    [
      'of a last part releases the rest',
      { ...capture, amount: 15n, final: true },
      { amount: 15n, released: 25n, hold: { captured: 35n, remaining: 0n, state: 'captured' }, pending: 0n },
    ],
    [
      'that is not the last releases nothing',
      { ...capture, amount: 15n, final: false },
      { amount: 15n, released: 0n, hold: { captured: 35n, remaining: 25n, state: 'open' }, pending: 25n },
    ],
  ])('a capture %s', (_case, leg, expected) => {
    const state = stateOf();
    const { decision, transfer } = outcomeOf(leg, state);
    const { amount, released, hold, pending } = expected;
    expect(transfer).toMatchObject({ kind: 'capture', amount, released, originalId: HOLD });
    expect(decision.holds).toMatchObject([hold]);
    expect(posted(state, ALICE)).toMatchObject({ debitsPosted: amount, debitsPending: pending, creditsPosted: 100n });
    expect(posted(state, BOB)).toMatchObject({
      creditsPosted: 100n + amount,
      creditsPending: pending,
      debitsPosted: 0n,
    });
  });

  it.each<[string, Given, Leg, Asked, string, object]>([
    [
      'of one more than is left',
      {},
      { ...capture, amount: 41n },
      {},
      'capture_exceeds_hold',
      { holdId: HOLD, remaining: '40' },
    ],
    ['of exactly what is left', {}, { ...capture, amount: 40n }, {}, 'posted', {}],
    ['of a hold that is not there', {}, { ...capture, hold: 'hold-2' }, {}, 'hold_not_found', { holdId: 'hold-2' }],
    [
      'of a released hold',
      { hold: { state: 'released' } },
      capture,
      {},
      'hold_closed',
      { holdId: HOLD, state: 'released' },
    ],
    [
      'of a captured hold',
      { hold: { state: 'captured' } },
      capture,
      {},
      'hold_closed',
      { holdId: HOLD, state: 'captured' },
    ],
    [
      'of a hold that is due',
      { hold: { expiresAtMs: NOW_MS } },
      capture,
      {},
      'hold_closed',
      { holdId: HOLD, state: 'expired' },
    ],
    ['of a hold that is due a moment later', { hold: { expiresAtMs: NOW_MS + 1 } }, capture, {}, 'posted', {}],
    [
      'by a frozen payer',
      { alice: { status: 'frozen_debits' } },
      capture,
      {},
      'account_frozen',
      { accountId: ALICE, side: 'debits' },
    ],
    [
      'for a frozen payee',
      { bob: { status: 'frozen_credits' } },
      capture,
      {},
      'account_frozen',
      { accountId: BOB, side: 'credits' },
    ],
    ['below a minimum that was raised since', { alice: { minimum: 1_000n } }, capture, {}, 'posted', {}],
    [
      'effective before the hold',
      {},
      { ...capture, effectiveAt: at(-1) },
      { originalEffectiveAt: at(0) },
      'effective_before_original',
      { holdId: HOLD, effectiveAt: at(0).toISOString() },
    ],
    ['effective with the hold', {}, { ...capture, effectiveAt: at(0) }, { originalEffectiveAt: at(0) }, 'posted', {}],
  ])('a capture %s is answered with $4', (_case, given, leg, asked, code, details) => {
    const outcome = outcomeOf(leg, stateOf(given), asked);
    expect(outcome.code).toBe(code);
    expect(outcome.details).toMatchObject(details);
  });
});

describe('a release', () => {
  it.each<[Leg, HeldAmount['state']]>([
    [release, 'released'],
    [expiry, 'expired'],
  ])('a release gives back what is left, and posts nothing (%o)', (leg, state) => {
    const books = stateOf({ hold: { expiresAtMs: leg.kind === 'expiry' ? NOW_MS : null } });
    const { decision, transfer } = outcomeOf(leg, books);
    expect(transfer).toMatchObject({
      kind: leg.kind,
      amount: 40n,
      originalId: HOLD,
      description: null,
      metadata: null,
    });
    expect(decision.holds).toMatchObject([{ captured: 20n, remaining: 0n, state }]);
    expect(posted(books, ALICE)).toMatchObject({ debitsPosted: 0n, debitsPending: 0n });
    expect(posted(books, BOB)).toMatchObject({ creditsPosted: 100n, creditsPending: 0n });
  });

  it.each<[string, Given, string]>([
    ['between frozen accounts', { alice: { status: 'frozen' }, bob: { status: 'frozen' } }, 'posted'],
    ['of a hold that is due', { hold: { expiresAtMs: NOW_MS } }, 'hold_closed'],
    ['of a hold that is due a moment later', { hold: { expiresAtMs: NOW_MS + 1 } }, 'posted'],
    ['of a hold that is over', { hold: { state: 'expired' } }, 'hold_closed'],
  ])('a release %s is answered with $2', (_case, given, code) => {
    expect(outcomeOf(release, stateOf(given)).code).toBe(code);
  });

  it('a release keeps its description and metadata', () => {
    const texts = { description: 'cancelled', metadata: { order: '7' } };
    expect(outcomeOf({ ...release, ...texts } as Leg, stateOf()).transfer).toMatchObject(texts);
  });

  it.each([
    [null, false],
    [NOW_MS - 1, true],
    [NOW_MS, true],
    [NOW_MS + 1, false],
  ])('whether a hold that expires at %s is due: %s', (expiresAtMs, expected) => {
    expect(isDue({ ...(stateOf().holds.get(HOLD) as HeldAmount), expiresAtMs }, NOW_MS)).toBe(expected);
  });
});

describe('a reversal', () => {
  it.each<[string, Leg, bigint, bigint]>([
    ['of all of it', reversal, 0n, 50n],
    ['of a part', { ...reversal, amount: 20n }, 0n, 20n],
    ['of what is left', reversal, 20n, 30n],
  ])('a reversal %s moves the money back', (_case, leg, reversed, amount) => {
    const state = stateOf({ reversed });
    const { transfer } = outcomeOf(leg, state);
    expect(transfer).toMatchObject({ kind: 'reversal', from: BOB, to: ALICE, amount, originalId: ORIGINAL });
    expect(transfer).not.toHaveProperty('loweredMinimums');
    expect(posted(state, BOB)).toMatchObject({ debitsPosted: amount, debitsPending: 0n });
    expect(posted(state, ALICE)).toMatchObject({ creditsPosted: 100n + amount, creditsPending: 0n });
    expect(state.originals.get(ORIGINAL)?.reversed).toBe(reversed + amount);
  });

  it.each<[string, Given, Leg, Asked, string, object]>([
    ['of exactly what is left', { reversed: 20n }, { ...reversal, amount: 30n }, {}, 'posted', {}],
    [
      'of one more than is left',
      { reversed: 20n },
      { ...reversal, amount: 31n },
      {},
      'reversal_exceeds_transfer',
      { transferId: ORIGINAL, left: '30' },
    ],
    [
      'of a transfer that is reversed already',
      { reversed: 50n },
      reversal,
      {},
      'reversal_exceeds_transfer',
      { left: '0' },
    ],
    [
      'of a transfer that is not there',
      {},
      { ...reversal, transfer: 'transfer-2' },
      {},
      'transfer_not_found',
      { transferId: 'transfer-2' },
    ],
    ['of a capture', { original: { kind: 'capture' } }, reversal, {}, 'posted', {}],
    ['of a hold', { original: { kind: 'hold' } }, reversal, {}, 'not_reversible', { kind: 'hold' }],
    ['of a reversal', { original: { kind: 'reversal' } }, reversal, {}, 'not_reversible', { kind: 'reversal' }],
    ['of all that the payee has', { bob: { creditsPosted: 50n } }, reversal, {}, 'posted', {}],
    [
      'of one more than the payee has',
      { bob: { creditsPosted: 49n } },
      reversal,
      {},
      'insufficient_funds',
      { accountId: BOB, available: '49', needed: '50' },
    ],
    [
      'above the maximum of the payer',
      { alice: { maximum: 149n } },
      reversal,
      {},
      'maximum_exceeded',
      { accountId: ALICE },
    ],
    [
      'by an operator, above the maximum of the payer',
      { alice: { maximum: 149n } },
      { ...reversal, allowOverdraft: AUDIT },
      {},
      'maximum_exceeded',
      {},
    ],
    ['from a frozen payee', { bob: { status: 'frozen' } }, reversal, {}, 'account_frozen', { accountId: BOB }],
    [
      'effective before the transfer',
      {},
      { ...reversal, effectiveAt: at(-1) },
      { originalEffectiveAt: at(0) },
      'effective_before_original',
      { transferId: ORIGINAL, effectiveAt: at(0).toISOString() },
    ],
    [
      'effective with the transfer',
      {},
      { ...reversal, effectiveAt: at(0) },
      { originalEffectiveAt: at(0) },
      'posted',
      {},
    ],
  ])('a reversal %s is answered with $4', (_case, given, leg, asked, code, details) => {
    const outcome = outcomeOf(leg, stateOf(given), asked);
    expect(outcome.code).toBe(code);
    expect(outcome.details).toMatchObject(details);
  });

  it('a reversal with allowOverdraft lowers the minimum to the resulting balance permanently', () => {
    const state = stateOf({ bob: { creditsPosted: 49n, minimum: 10n, maximum: 500n } });
    const { decision, transfer } = outcomeOf({ ...reversal, allowOverdraft: AUDIT }, state);
    const lowered = { accountId: BOB, minimumBefore: 10n, minimum: -1n };
    expect(transfer?.loweredMinimums).toEqual([lowered]);
    expect(decision.limitChanges).toEqual([{ transferId: 'new-1', ...lowered, maximum: 500n, audit: AUDIT }]);
    expect([...state.lowered]).toEqual([BOB]);
    expect(state.balances.get(BOB)).toMatchObject({ minimum: -1n, debitsPosted: 50n });
  });

  it('a reversal with allowOverdraft lowers the minimum of a debit-normal account that it credits', () => {
    const alice = { debitNormal: true, debitsPosted: 30n, creditsPosted: 0n, debitsPending: 0n };
    const { transfer } = outcomeOf({ ...reversal, allowOverdraft: AUDIT }, stateOf({ alice }));
    expect(transfer?.loweredMinimums).toEqual([{ accountId: ALICE, minimumBefore: 0n, minimum: -20n }]);
  });

  it.each<[string, Given]>([
    ['that has exactly enough', { bob: { creditsPosted: 50n } }],
    ['without one', { bob: { creditsPosted: 0n, minimum: null } }],
    ['that the reversal raises', { bob: { debitNormal: true, minimum: 1_000n } }],
  ])('a reversal with allowOverdraft does not lower the minimum of an account %s', (_case, given) => {
    const { transfer, decision } = outcomeOf({ ...reversal, allowOverdraft: AUDIT }, stateOf(given));
    expect(transfer).toMatchObject({ kind: 'reversal', amount: 50n });
    expect(transfer).not.toHaveProperty('loweredMinimums');
    expect(decision.limitChanges).toEqual([]);
  });

  it('a dry run of a reversal changes nothing, but reports the minimum that would be lowered', () => {
    const given = { bob: { creditsPosted: 49n } };
    const state = stateOf(given);
    const { decision } = outcomeOf({ ...reversal, allowOverdraft: AUDIT }, state, { dryRun: true });
    expect(decision).toMatchObject({ rows: [], balances: [], limitChanges: [] });
    expect(state).toEqual({ ...stateOf(given), lowered: new Set([BOB]) });
  });
});

describe('a transfer that continues another', () => {
  it.each<[string, Date | null, Date | undefined, Date]>([
    ['is effective when it is recorded', null, undefined, at(0)],
    ['is effective when it is recorded, even if the other was effective earlier', at(-1), undefined, at(0)],
    ['is not effective before the other', at(1), undefined, at(1)],
    ['is effective at the instant that its caller gives', at(-5), at(-3), at(-3)],
  ])('a transfer that continues another %s', (_case, originalEffectiveAt, effectiveAt, expected) => {
    const part = effectiveAt === undefined ? {} : { effectiveAt };
    for (const leg of [capture, reversal]) {
      const { transfer } = outcomeOf({ ...leg, ...part } as Leg, stateOf(), { originalEffectiveAt });
      expect(transfer).toMatchObject({ recordedAt: at(0), effectiveAt: expected });
    }
  });

  it.each([capture, release, reversal])('a dry run of a transfer that continues another changes nothing: %o', (leg) => {
    const state = stateOf();
    const { code } = outcomeOf(leg, state, { dryRun: true });
    expect(code).toBe('posted');
    expect(state).toEqual(stateOf());
  });
});
