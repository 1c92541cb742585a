import { describe, expect, it } from 'vitest';
import { createBatchStates } from '../../../test/support/batch-states.js';
import { LEDGER_ERROR_CODES, LedgerError, type LedgerErrorCode } from '../../errors.js';
import type { AccountId } from '../accounts/account.js';
import type { Transfer, TransferId } from '../transfers/transfer.js';
import type { Balance } from './balance.js';
import { type BatchState, type Candidate, decide, type Outcome, type StoredRequest } from './decide.js';

const ALICE = 'account-a' as AccountId;
const BOB = 'account-b' as AccountId;
const CAROL = 'account-c' as AccountId;
const NOW_MS = 1_000_000;
/** Digests of two requests. */
const THIS = 1n;
const ANOTHER = 2n;

const { balanceOf, stateOf } = createBatchStates(NOW_MS);

interface LegPart {
  readonly id?: string;
  readonly idGiven?: boolean;
  readonly from?: AccountId | null;
  readonly to?: AccountId | null;
  readonly amount?: bigint;
  readonly currency?: string;
}

let nextId = 0;
function legOf({ id, idGiven = false, from = ALICE, to = BOB, amount = 10n, currency = 'USD' }: LegPart) {
  nextId += 1;
  return {
    id: (id ?? `transfer-${nextId}`) as TransferId,
    idGiven,
    from,
    to,
    leg: { from: String(from), to: String(to), amount, currency },
    originalEffectiveAt: null,
    limitsOf: 'both' as const,
  };
}

function candidateOf(part: LegPart & { key?: string; request?: bigint } = {}): Candidate {
  const { key = null, request = null } = part;
  return {
    legs: [legOf(part)],
    linked: false,
    dryRun: false,
    keyDigest: key,
    requestDigest: request,
    sequence: null,
    traceparent: null,
  };
}

function linkedOf(...legs: LegPart[]): Candidate {
  return {
    legs: legs.map(legOf),
    linked: true,
    dryRun: false,
    keyDigest: null,
    requestDigest: null,
    sequence: null,
    traceparent: null,
  };
}

/** An outcome in one word. */
function wordOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'nothing';
  if (outcome instanceof LedgerError) return outcome.code;
  return outcome.every(({ replayed }) => replayed) ? 'replayed' : 'posted';
}

const words = (candidates: readonly Candidate[], state: BatchState) => decide(candidates, state).outcomes.map(wordOf);

const stored = (requestDigest: bigint): StoredRequest => ({
  requestDigest,
  outcome: [{ id: 'transfer-0' } as Transfer],
});

describe('decide', () => {
  const largest = 10n ** 38n - 1n;
  const asset: Partial<Balance> = { debitNormal: true, debitsPosted: 100n, creditsPosted: 0n };

  it.each<[string, Partial<Balance>, Partial<Balance>, LegPart, string]>([
    ['all that is there', {}, {}, { amount: 100n }, 'posted'],
    ['one more than is there', {}, {}, { amount: 101n }, 'insufficient_funds'],
    ['below zero without a minimum', { minimum: null }, {}, { amount: 101n }, 'posted'],
    ['down to a negative minimum', { minimum: -5n }, {}, { amount: 105n }, 'posted'],
    ['one below a negative minimum', { minimum: -5n }, {}, { amount: 106n }, 'insufficient_funds'],
    ['what is held', { debitsPending: 95n }, {}, {}, 'insufficient_funds'],
    ['beside what is held', { debitsPending: 90n }, {}, {}, 'posted'],
    ['spends nothing that only may come in', { creditsPending: 50n }, {}, { amount: 101n }, 'insufficient_funds'],
    ['up to the maximum', {}, { maximum: 110n }, {}, 'posted'],
    ['one above the maximum', {}, { maximum: 109n }, {}, 'maximum_exceeded'],
    ['above the maximum with what may come in', {}, { maximum: 110n, creditsPending: 1n }, {}, 'maximum_exceeded'],
    ['a debit raises an asset', { ...asset, maximum: 105n }, {}, {}, 'maximum_exceeded'],
    ['a debit never lowers an asset', { ...asset, debitsPosted: 0n }, {}, {}, 'posted'],
    ['a credit lowers an asset', {}, asset, { amount: 100n }, 'posted'],
    ['a credit lowers an asset below its minimum', { minimum: null }, asset, { amount: 101n }, 'insufficient_funds'],
    ['a credit never raises an asset', {}, { ...asset, maximum: 0n, minimum: null }, {}, 'posted'],
    ['debits of a frozen account', { status: 'frozen' }, {}, {}, 'account_frozen'],
    ['debits frozen', { status: 'frozen_debits' }, {}, {}, 'account_frozen'],
    ['only credits frozen', { status: 'frozen_credits' }, {}, {}, 'posted'],
    ['credits of a frozen account', {}, { status: 'frozen' }, {}, 'account_frozen'],
    ['credits frozen', {}, { status: 'frozen_credits' }, {}, 'account_frozen'],
    ['only debits frozen', {}, { status: 'frozen_debits' }, {}, 'posted'],
    ['from a closed account', { status: 'closed' }, {}, {}, 'account_closed'],
    ['to a closed account', {}, { status: 'closed' }, {}, 'account_closed'],
    ['38 digits of debits', { minimum: null, debitsPosted: largest - 10n }, {}, {}, 'posted'],
    ['39 digits of debits', { minimum: null, debitsPosted: largest - 9n }, {}, {}, 'balance_overflow'],
    ['39 digits with pending debits', { minimum: null, debitsPending: largest - 9n }, {}, {}, 'balance_overflow'],
    ['39 digits of credits', {}, { creditsPosted: largest - 9n }, {}, 'balance_overflow'],
    ['39 digits with pending credits', {}, { creditsPending: largest - 109n, maximum: null }, {}, 'balance_overflow'],
    ['another currency', {}, {}, { currency: 'EUR' }, 'currency_mismatch'],
    ['the currency of the sender alone', {}, { currency: 'EUR' }, {}, 'currency_mismatch'],
    ['the currency of the recipient alone', { currency: 'EUR' }, {}, {}, 'currency_mismatch'],
    ['from nobody', {}, {}, { from: null }, 'account_not_found'],
    ['to nobody', {}, {}, { to: null }, 'account_not_found'],
    ['to an account that is not locked', {}, {}, { to: CAROL }, 'account_not_found'],
    ['to oneself', {}, {}, { to: ALICE }, 'same_account'],
  ])('a transfer (%s) is answered with $4', (_, from, to, leg, expected) => {
    const state = stateOf(balanceOf(ALICE, from), balanceOf(BOB, to));
    expect(words([candidateOf(leg)], state)).toEqual([expected]);
  });

  it('decide moves the amount and counts the change on both sides', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB, { version: 7n }));
    const { rows } = decide([candidateOf()], state);
    expect(rows[0]?.transfer).toMatchObject({
      fromBalance: { posted: 90n, pendingIn: 0n, pendingOut: 0n, version: 2n },
      toBalance: { posted: 110n, pendingIn: 0n, pendingOut: 0n, version: 8n },
    });
  });

  it('decide changes no balance when it refuses a request', () => {
    const balances = [balanceOf(ALICE), balanceOf(BOB)];
    const { rows } = decide([candidateOf({ amount: 101n })], stateOf(...balances));
    expect(rows).toEqual([]);
    expect(balances).toEqual([balanceOf(ALICE), balanceOf(BOB)]);
  });

  it('decide judges each request by the balances that the requests before it left', () => {
    const pay = (amount: bigint) => candidateOf({ amount });
    const back = candidateOf({ from: BOB, to: ALICE, amount: 150n });
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    expect(words([pay(60n), pay(60n), pay(40n), back, pay(150n)], state)).toEqual([
      'posted',
      'insufficient_funds',
      'posted',
      'posted',
      'posted',
    ]);
  });

  it('decide never records a transfer before an earlier one of the same account', () => {
    const ahead = balanceOf(BOB, { recordedAtMs: NOW_MS + 50 });
    const state = stateOf(balanceOf(ALICE), ahead, balanceOf(CAROL));
    const { rows } = decide([candidateOf(), candidateOf({ to: CAROL })], state);
    expect(rows.map(({ transfer }) => transfer.recordedAt.getTime())).toEqual([NOW_MS + 50, NOW_MS + 50]);
  });
});

describe('a linked group', () => {
  const balances = () => [balanceOf(ALICE), balanceOf(BOB), balanceOf(CAROL, { creditsPosted: 0n })];
  const toBob = { amount: 60n };
  const onward = { from: BOB, to: CAROL, amount: 160n };
  const tooMuch = { from: CAROL, to: ALICE, amount: 161n };

  it('a linked group posts all its legs, each on what the legs before it left', () => {
    const { rows } = decide([linkedOf(toBob, onward)], stateOf(...balances()));
    expect(rows.map(({ transfer }) => transfer.toBalance.posted)).toEqual([160n, 160n]);
    expect(new Set(rows.map(({ transfer }) => transfer.groupId))).toEqual(new Set([rows[0]?.transfer.id]));
  });

  it('a linked group changes nothing when a later leg is refused, and the refusal names that leg', () => {
    const state = balances();
    const { outcomes, rows } = decide([linkedOf(toBob, onward, tooMuch)], stateOf(...state));
    expect(outcomes[0]).toMatchObject({ code: 'insufficient_funds', details: { leg: 2 } });
    expect({ rows, state }).toEqual({ rows: [], state: balances() });
  });

  it('a refused linked group restores exactly the balances that the requests before it left', () => {
    const state = stateOf(...balances());
    const before = candidateOf({ amount: 5n });
    const after = candidateOf({ amount: 95n });
    expect(words([before, linkedOf(toBob, tooMuch), after], state)).toEqual(['posted', 'insufficient_funds', 'posted']);
    expect(state.balances.get(ALICE)).toMatchObject({ debitsPosted: 100n, version: 3n, changed: true });
  });

  it.each(['transfer', 'balance'])(
    'a linked group does not reveal how much a payee may receive when another leg is refused: by its %s limit',
    (limit) => {
      const bob = balanceOf(BOB, limit === 'transfer' ? { maximum: 100n } : { creditsPosted: 10n ** 38n - 1n });
      const group = (last: LegPart) =>
        decide([linkedOf(toBob, last)], stateOf(balanceOf(ALICE), bob, balanceOf(CAROL)));
      expect(group(tooMuch).outcomes).toMatchObject([{ code: 'insufficient_funds', details: { leg: 1 } }]);
      const code = limit === 'transfer' ? 'maximum_exceeded' : 'balance_overflow';
      const { outcomes, rows } = group({ ...tooMuch, amount: 1n });
      expect(outcomes).toMatchObject([{ code, details: { leg: 0 } }]);
      expect(rows).toEqual([]);
    },
  );

  it('a linked group is refused as a whole when one of its ids was used', () => {
    const state = stateOf(...balances());
    state.storedById.set('used' as TransferId, stored(ANOTHER));
    expect(words([linkedOf(toBob, { id: 'used', idGiven: true })], state)).toEqual(['transfer_id_reused']);
  });
});

describe('a repetition', () => {
  const once = { key: 'k', request: THIS };
  const broke = () => stateOf(balanceOf(ALICE, { creditsPosted: 0n, status: 'closed' }), balanceOf(BOB));

  it('a repetition replays its stored result, even if the request would now be refused', () => {
    const state = broke();
    state.storedByKey.set('k', stored(THIS));
    const { outcomes, rows } = decide([candidateOf(once)], state);
    expect(outcomes.map(wordOf)).toEqual(['replayed']);
    expect(rows).toEqual([]);
  });

  it('a repetition of a transfer id that the caller gave replays its stored result', () => {
    const state = broke();
    state.storedById.set('given' as TransferId, stored(THIS));
    expect(words([candidateOf({ id: 'given', idGiven: true, request: THIS })], state)).toEqual(['replayed']);
  });

  it('a repetition replays its stored result, even if its accounts can no longer be found', () => {
    const state = broke();
    state.storedByKey.set('k', stored(THIS));
    expect(words([candidateOf({ ...once, from: null, to: null })], state)).toEqual(['replayed']);
  });

  it('a repetition in the same batch replays the result of the first request', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    const { outcomes, rows } = decide([candidateOf(once), candidateOf(once)], state);
    expect(outcomes.map(wordOf)).toEqual(['posted', 'replayed']);
    expect(rows).toHaveLength(1);
  });

  it('a request with the same key and another body in the same batch is answered with idempotency_key_reused', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    const other = candidateOf({ key: 'k', request: ANOTHER });
    expect(words([candidateOf(once), other], state)).toEqual(['posted', 'idempotency_key_reused']);
  });

  it('a repetition of a transfer id in the same batch replays, and with another body is answered with transfer_id_reused', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    const given = { id: 'given', idGiven: true };
    const candidates = [THIS, THIS, ANOTHER].map((request) => candidateOf({ ...given, request }));
    expect(words(candidates, state)).toEqual(['posted', 'replayed', 'transfer_id_reused']);
  });

  it('a request with another body under an id whose commit was not confirmed is refused, never answered as posted', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    state.unconfirmed.add('given' as TransferId);
    const given = { id: 'given', idGiven: true };
    const candidates = [THIS, ANOTHER, THIS].map((request) => candidateOf({ ...given, request }));
    expect(words(candidates, state)).toEqual(['posted', 'transfer_id_reused', 'replayed']);
  });

  it('a repetition of a refused request is judged again, because a refusal is not stored', () => {
    const state = stateOf(balanceOf(ALICE, { creditsPosted: 0n }), balanceOf(BOB));
    const deposit = candidateOf({ from: BOB, to: ALICE });
    expect(words([candidateOf(once), deposit, candidateOf(once)], state)).toEqual([
      'insufficient_funds',
      'posted',
      'posted',
    ]);
  });

  it.each([true, false])(
    'a request that an unconfirmed commit wrote is answered as posted once, then replayed (id given: %s)',
    (idGiven) => {
      const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
      state.storedById.set('transfer-0' as TransferId, stored(THIS));
      state.storedByKey.set('k', stored(THIS));
      state.unconfirmed.add('transfer-0' as TransferId);
      const own = candidateOf({ id: 'transfer-0', idGiven, request: THIS });
      const { outcomes, rows } = decide([own, idGiven ? own : candidateOf(once), candidateOf(once)], state);
      expect(outcomes.map(wordOf)).toEqual(['posted', 'replayed', 'replayed']);
      expect(rows).toEqual([]);
    },
  );

  it('a repetition of an id that was posted before is a replay, even if another commit of the batch was not confirmed', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    state.storedById.set('transfer-0' as TransferId, stored(THIS));
    state.unconfirmed.add('transfer-1' as TransferId);
    expect(words([candidateOf({ id: 'transfer-0', idGiven: true, request: THIS })], state)).toEqual(['replayed']);
  });
});

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** A request and what is known about it, on which each refusal can be provoked without undoing another. */
interface Scene {
  from: Writable<Partial<Balance>>;
  to: Writable<Partial<Balance>>;
  leg: { from?: AccountId | null; to?: AccountId | null; amount?: bigint; currency?: string };
  key?: 'reused';
  id?: 'reused';
}

/** Every way to provoke each refusal that `decide` knows. */
const PROVOCATIONS: Partial<Record<LedgerErrorCode, readonly ((scene: Scene) => void)[]>> = {
  idempotency_key_reused: [
    (scene) => {
      scene.key = 'reused';
    },
  ],
  transfer_id_reused: [
    (scene) => {
      scene.id = 'reused';
    },
  ],
  account_not_found: [
    (scene) => {
      scene.leg.from = null;
    },
    (scene) => {
      scene.leg.to = null;
    },
  ],
  same_account: [
    (scene) => {
      // An account that is not found stays so.
      if (scene.leg.to === undefined) scene.leg.to = ALICE;
    },
  ],
  currency_mismatch: [
    (scene) => {
      scene.from.currency = 'EUR';
    },
    (scene) => {
      scene.to.currency = 'EUR';
    },
    (scene) => {
      scene.leg.currency = 'EUR';
    },
  ],
  account_closed: [
    (scene) => {
      scene.from.status = 'closed';
    },
    (scene) => {
      scene.to.status = 'closed';
    },
  ],
  account_frozen: [
    (scene) => {
      scene.from.status ??= 'frozen';
    },
    (scene) => {
      scene.to.status ??= 'frozen';
    },
  ],
  insufficient_funds: [
    (scene) => {
      scene.from.minimum = 100n;
    },
    (scene) => {
      Object.assign(scene.to, { debitNormal: true, minimum: 10n ** 37n });
    },
  ],
  maximum_exceeded: [
    (scene) => {
      scene.to.maximum = -(10n ** 38n);
    },
    (scene) => {
      Object.assign(scene.from, { debitNormal: true, maximum: -(10n ** 38n) });
    },
  ],
  balance_overflow: [
    (scene) => {
      scene.from.debitsPosted = 10n ** 38n - 1n;
      scene.from.minimum ??= null;
    },
    (scene) => {
      scene.to.creditsPending = 10n ** 38n - 1n;
    },
  ],
};

/** Refusals that exclude each other, by their code and the way in which they are provoked. */
const NEVER_TOGETHER: ReadonlySet<string> = new Set([
  // A debit lowers a credit-normal account and raises a debit-normal one, and no account is both.
  'insufficient_funds 1, maximum_exceeded 2',
  'insufficient_funds 2, maximum_exceeded 1',
]);

function codeOf(scene: Scene): string {
  const state = stateOf(balanceOf(ALICE, scene.from), balanceOf(BOB, scene.to));
  if (scene.key === 'reused') state.storedByKey.set('k', stored(ANOTHER));
  if (scene.id === 'reused') state.storedById.set('given' as TransferId, stored(ANOTHER));
  const candidate = candidateOf({ ...scene.leg, key: 'k', request: THIS, id: 'given', idGiven: true });
  return wordOf(decide([candidate], state).outcomes[0]);
}

function provoke(...provocations: readonly ((scene: Scene) => void)[]): Scene {
  const scene: Scene = { from: {}, to: {}, leg: {} };
  for (const change of provocations) change(scene);
  return scene;
}

describe('the order of precedence', () => {
  const codes = LEDGER_ERROR_CODES.filter((code) => PROVOCATIONS[code] !== undefined);
  const provocationsOf = (code: LedgerErrorCode) => PROVOCATIONS[code] ?? [];
  const single = codes.flatMap((code) =>
    provocationsOf(code).map((change, index) => ({ code, way: index + 1, change })),
  );
  const pairs = single.flatMap((first, index) =>
    single
      .slice(index + 1)
      .filter(({ code }) => code !== first.code)
      .filter(({ code, way }) => !NEVER_TOGETHER.has(`${first.code} ${first.way}, ${code} ${way}`))
      .map((second) => ({ first, second })),
  );

  it.each(single)('a request can be refused with $code, in way $way', ({ code, change }) => {
    expect(codeOf(provoke(change))).toBe(code);
  });

  it.each(pairs)('$first.code ($first.way) takes precedence over $second.code ($second.way)', ({ first, second }) => {
    expect(codeOf(provoke(first.change, second.change))).toBe(first.code);
  });

  it('the order of precedence is tested for every refusal that depends on accounts and keys', () => {
    const ofHoldsAndReversals: readonly LedgerErrorCode[] = [
      'hold_not_found',
      'not_reversible',
      'hold_closed',
      'expiry_in_past',
      'effective_before_original',
      'capture_exceeds_hold',
      'reversal_exceeds_transfer',
    ];
    const ofLookUps: readonly LedgerErrorCode[] = [
      'transfer_not_found',
      'transfer_request_not_found',
      'events_gone',
      'account_exists',
    ];
    const elsewhere = [...ofLookUps, ...ofHoldsAndReversals];
    const from = LEDGER_ERROR_CODES.indexOf('idempotency_key_reused');
    const to = LEDGER_ERROR_CODES.indexOf('balance_overflow');
    const expected = LEDGER_ERROR_CODES.slice(from, to + 1).filter((code) => !elsewhere.includes(code));
    expect(codes).toEqual(expected);
  });
});

describe('keys of written rows', () => {
  it('only the first leg of a linked group is written with its key and request digest', () => {
    const group = { ...linkedOf({}, {}), keyDigest: 7n, requestDigest: THIS } as unknown as Candidate;
    const { rows } = decide([group], stateOf(balanceOf(ALICE), balanceOf(BOB)));
    expect(rows.map(({ keyDigest, requestDigest }) => [keyDigest, requestDigest])).toEqual([
      [7n, THIS],
      [null, null],
    ]);
  });

  it.each<[string, bigint, string]>([
    ['the same request is posted', THIS, 'posted'],
    ['another request is refused', ANOTHER, 'idempotency_key_reused'],
  ])('under the key of an open transfer request, %s', (_case, request, word) => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    state.storedByKey.set('key' as never, { requestDigest: THIS, outcome: null });
    expect(words([candidateOf({ key: 'key', request })], state)).toEqual([word]);
  });

  it('under the key of a refused transfer request, the stored refusal is returned', () => {
    const state = stateOf(balanceOf(ALICE), balanceOf(BOB));
    const outcome = new LedgerError('insufficient_funds', 'refused for good');
    state.storedByKey.set('key' as never, { requestDigest: THIS, outcome });
    expect(decide([candidateOf({ key: 'key', request: THIS })], state).outcomes).toEqual([outcome]);
  });
});

describe('a linked group that fails twice', () => {
  const full: Partial<Balance> = { maximum: 100n };
  const asset: Partial<Balance> = { debitNormal: true, debitsPosted: 100n, creditsPosted: 0n };

  it.each<[string, Partial<Balance>, Partial<Balance>, string, number]>([
    ['hides the limit of a payee behind every other refusal', {}, full, 'insufficient_funds', 1],
    ['names the limit of a payer at once', { ...asset, ...full }, {}, 'maximum_exceeded', 0],
    ['names the minimum of a payee at once', {}, { ...asset, minimum: 100n }, 'insufficient_funds', 0],
  ])('a linked group that fails twice %s', (_case, alice, bob, code, leg) => {
    const state = stateOf(balanceOf(ALICE, alice), balanceOf(BOB, bob), balanceOf(CAROL));
    const [outcome] = decide([linkedOf({}, { from: CAROL, to: ALICE, amount: 101n })], state).outcomes;
    expect(outcome).toMatchObject({ code, details: { leg } });
  });
});

describe('the balance', () => {
  it.each([
    [true, 60n],
    [false, -60n],
  ])('the balance of an account (debit-normal: %s) is its normal side minus the other', (debitNormal, expected) => {
    const alice = balanceOf(ALICE, { debitNormal, minimum: null, debitsPosted: 90n, creditsPosted: 40n });
    const [outcome] = decide([candidateOf()], stateOf(alice, balanceOf(BOB))).outcomes;
    expect(outcome).toMatchObject([{ fromBalance: { posted: expected } }]);
  });
});
