import { type Ledger, LedgerError, type LinkedLeg, type PostedTransfer } from '@micropay/ledger-core';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { propertyOptions } from '../support/counts.js';
import { letExpire } from '../support/due.js';
import {
  applyToModel,
  endHold,
  type HoldModel,
  limitInModel,
  type ModelAnswer,
  type ModelHold,
  type ModelLeg,
  type ModelMove,
  recordInModel,
  WORLD,
  walletOf,
} from '../support/hold-model.js';
import { expectSound, useTestBed } from '../support/test-bed.js';

/*
 * Clients take their steps at once, so that their requests share batches. Each has wallets of its own and a model of them, by which
 * it predicts every answer. In the end the ledger's balances and holds are those of the models. A failure is shrunk to the fewest
 * clients and steps that still fail.
 */
const bed = useTestBed();
const CLIENTS_MAX = 32;
const STEPS_MAX = 60;
const WALLETS = ['a', 'b', 'c'];
const engines: Ledger[] = [];
let runs = 0;

beforeAll(() => {
  engines.push(bed.ledger(), bed.ledger());
});

const mostly = <Value, Other>(weight: number, usual: fc.Arbitrary<Value>, other: fc.Arbitrary<Other>) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: other });
const oneIn = (count: number) => mostly(count - 1, fc.constant(false), fc.constant(true));

const wallet = fc.constantFrom(...WALLETS);
const amount = fc.bigInt(1n, 60n);
const partAmount = mostly(2, amount, fc.constant(undefined));
const NOON = Date.parse('2026-05-05T12:00:00Z');
const SIXTY_YEARS_MS = 1_900_000_000_000;
/** One leg in five says when it is effective: about that of what it continues, before it, at it or after it. */
const effectiveOffsetMs = mostly(4, fc.constant(undefined), fc.constantFrom(0, 1, -1, 1_000, -1_000, SIXTY_YEARS_MS));

/** One of the last holds or transfers: mostly one of which something is left, seldom one that never was. */
const reference = fc.record({ place: fc.nat(5), isAnyState: oneIn(4), isUnknown: oneIn(60) });
type Reference = typeof reference extends fc.Arbitrary<infer Value> ? Value : never;

const kind = <Kind extends string>(name: Kind) => fc.constant(name);
const leg = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind('transfer'),
      from: mostly(2, wallet, fc.constant(WORLD)),
      to: wallet,
      amount,
      effectiveOffsetMs,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('transfer'), from: wallet, to: fc.constant(WORLD), amount }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: kind('hold'), from: fc.constantFrom(...WALLETS, WORLD), to: wallet, amount }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('capture'),
      of: reference,
      amount: partAmount,
      final: oneIn(3),
      effectiveOffsetMs,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('release'), of: reference }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('reversal'),
      of: reference,
      amount: partAmount,
      allowsOverdraft: oneIn(3),
      effectiveOffsetMs,
    }),
  },
);
type Leg = typeof leg extends fc.Arbitrary<infer Value> ? Value : never;

const limit = mostly(2, fc.bigInt(-60n, 139n), fc.constant(null));

const step = fc.oneof(
  {
    weight: 84,
    // One to four legs, all or none; one request in ten as a dry run, half of them with a key.
    arbitrary: fc.record({
      kind: kind('request'),
      legs: mostly(4, fc.tuple(leg), fc.array(leg, { minLength: 1, maxLength: 4 })),
      dryRun: oneIn(10),
      hasKey: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kind('repeat'), place: fc.nat(STEPS_MAX) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: kind('limits'), wallet, side: fc.constantFrom('minimum', 'maximum'), limit }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind('freeze'), wallet, isFreeze: oneIn(3) }) },
  { weight: 6, arbitrary: fc.record({ kind: kind('expire'), place: fc.nat(STEPS_MAX) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Of many clients, each with many steps: shrinking takes clients and steps away. */
const scenario = fc.array(fc.array(step, { minLength: 1, maxLength: STEPS_MAX, size: 'max' }), {
  minLength: 1,
  maxLength: CLIENTS_MAX,
  size: 'max',
});

interface Client {
  readonly prefix: string;
  readonly ledger: Ledger;
  model: HoldModel;
  /** Requests with a key, to be repeated, and their answers. */
  readonly keyed: { legs: readonly ModelLeg[]; key: string; answer: ModelAnswer; ids: readonly string[] }[];
}

/** The kinds of outcome that all clients have met so far. */
const met = new Set<string>();

async function openClient(ledger: Ledger, number: number): Promise<Client> {
  const prefix = `client:${number}`;
  for (const name of [...WALLETS, WORLD]) {
    const unlimited = name === WORLD ? { type: 'asset' as const, minimum: null } : {};
    await ledger.accounts.open({ address: `${prefix}:${name}`, currency: 'USD', ...unlimited });
  }
  const wallets = Object.fromEntries(WALLETS.map((name) => [name, walletOf()]));
  const model = { wallets: { ...wallets, [WORLD]: walletOf({ minimum: null }) }, holds: {}, moves: {} };
  return { prefix, ledger, model, keyed: [] };
}

const at = <Value>(values: readonly Value[], place: number) => values[place % values.length] as Value;
const isOpen = ({ state }: ModelHold) => state === 'open';
const isLeft = ({ isReversible, reversed, amount }: ModelMove) => isReversible && reversed < amount;

function idOf<Value>(
  all: Readonly<Record<string, Value>>,
  isUsable: (value: Value) => boolean,
  { place, isAnyState, isUnknown }: Reference,
): string {
  const usable = Object.keys(all).filter((id) => isUsable(all[id] as Value));
  const ids = (usable.length > 0 && !isAnyState ? usable : Object.keys(all)).slice(-6);
  return ids.length === 0 || isUnknown ? '0190b7c4-0000-7000-8000-000000000001' : at(ids, place);
}

function legIn({ holds, moves }: HoldModel, leg: Leg): ModelLeg {
  switch (leg.kind) {
    case 'transfer': {
      const { from, to, amount } = leg;
      return { kind: leg.kind, from, to, amount, ...('effectiveOffsetMs' in leg ? dated(leg, NOON) : {}) };
    }
    case 'hold':
      return leg;
    case 'capture': {
      const hold = idOf(holds, isOpen, leg.of);
      const final = leg.final ? { final: true } : {};
      return { kind: leg.kind, hold, ...partOf(leg), ...final, ...dated(leg, holds[hold]?.effectiveMs) };
    }
    case 'release':
      return { kind: leg.kind, hold: idOf(holds, isOpen, leg.of) };
    case 'reversal': {
      const transfer = idOf(moves, isLeft, leg.of);
      const overdraft = leg.allowsOverdraft ? { allowOverdraft: { by: 'test' } } : {};
      return { kind: leg.kind, transfer, ...partOf(leg), ...overdraft, ...dated(leg, moves[transfer]?.effectiveMs) };
    }
  }
}

const partOf = ({ amount }: { readonly amount: bigint | undefined }) => (amount === undefined ? {} : { amount });

function dated({ effectiveOffsetMs }: { readonly effectiveOffsetMs: number | undefined }, aboutMs = NOON) {
  return effectiveOffsetMs === undefined ? {} : { effectiveAt: new Date(aboutMs + effectiveOffsetMs) };
}

function take(client: Client, step: Step): Promise<void> | void {
  switch (step.kind) {
    case 'request':
      return request(client, step);
    case 'repeat':
      return repeat(client, step.place);
    case 'limits':
      return changeLimits(client, step.wallet, { [step.side]: step.limit });
    case 'freeze':
      return freezeOrThaw(client, step.wallet, step.isFreeze);
    case 'expire':
      return expireHold(client, step.place);
  }
}

async function request(client: Client, step: Extract<Step, { kind: 'request' }>): Promise<void> {
  const { dryRun } = step;
  const before = client.model;
  const legs = step.legs.map((leg) => legIn(before, leg));
  const key = `${client.prefix} ${client.keyed.length}${dryRun ? ' dry' : ''}`;
  const { answer, after } = applyToModel(before, legs);
  const found = await ask(client, legs, { dryRun, ...(step.hasKey ? { idempotencyKey: key } : {}) });
  expect(answerOf(found)).toEqual(answer);
  met.add('code' in answer ? answer.code : dryRun ? 'dry' : 'done');
  if (dryRun || found instanceof LedgerError) return;
  client.model = after;
  for (const [index, leg] of legs.entries()) record(client, before, leg, found[index] as PostedTransfer);
  if (step.hasKey) client.keyed.push({ legs, key, answer, ids: found.map(({ id }) => id) });
}

/** A request of one leg takes the path of a single one, with the same answer. */
function ask({ ledger, prefix }: Client, legs: readonly ModelLeg[], options: object) {
  const named = legs.map(
    (leg): LinkedLeg =>
      'from' in leg
        ? { ...leg, from: `${prefix}:${leg.from}`, to: `${prefix}:${leg.to}`, currency: 'USD' }
        : (leg as LinkedLeg),
  );
  return ledger.transfers.postLinked(named, options).catch((error: unknown) => {
    if (error instanceof LedgerError) return error;
    throw error;
  });
}

function answerOf(found: readonly PostedTransfer[] | LedgerError): ModelAnswer {
  if (found instanceof LedgerError) return { code: found.code };
  return found.map(({ kind, amount, released }) => ({ kind: kind as ModelLeg['kind'], amount, released }));
}

function record({ model }: Client, before: HoldModel, leg: ModelLeg, made: PostedTransfer): void {
  const { id, amount, originalId, recordedAt, effectiveAt } = made;
  const effectiveMs = effectiveAt.getTime();
  const asked = 'effectiveAt' in leg ? leg.effectiveAt?.getTime() : undefined;
  const earliestMs = before.moves[originalId ?? '']?.effectiveMs ?? 0;
  expect(effectiveMs).toBe(asked ?? Math.max(recordedAt.getTime(), earliestMs));
  recordInModel(model, leg, { id, amount, effectiveMs });
}

async function changeLimits(client: Client, name: string, limits: Parameters<typeof limitInModel>[2]): Promise<void> {
  const code = limitInModel(client.model, name, limits);
  const found = await client.ledger.accounts.setLimits(`${client.prefix}:${name}`, limits).then(
    () => undefined,
    (error: LedgerError) => error.code,
  );
  expect(found).toBe(code);
  met.add(code ?? 'limits');
}

async function freezeOrThaw({ ledger, model, prefix }: Client, name: string, isFreeze: boolean): Promise<void> {
  const wallet = model.wallets[name] as HoldModel['wallets'][string];
  wallet.frozen = !wallet.frozen && isFreeze;
  await (wallet.frozen ? ledger.accounts.freeze(`${prefix}:${name}`) : ledger.accounts.unfreeze(`${prefix}:${name}`));
}

async function expireHold({ model }: Client, place: number): Promise<void> {
  const open = Object.keys(model.holds).filter((id) => isOpen(model.holds[id] as ModelHold));
  if (open.length === 0) return;
  const id = at(open, place);
  await letExpire(bed, id);
  endHold(model, id, 'expired');
  met.add('expired');
}

async function repeat(client: Client, place: number): Promise<void> {
  if (client.keyed.length === 0) return;
  const { legs, key, answer, ids } = at(client.keyed, place);
  const found = await ask(client, legs, { idempotencyKey: key });
  expect(answerOf(found)).toEqual(answer);
  expect((found as readonly PostedTransfer[]).map(({ id, replayed }) => [id, replayed])).toEqual(
    ids.map((id) => [id, true]),
  );
  met.add('again');
}

async function expectModel({ ledger, prefix, model }: Client): Promise<void> {
  for (const [name, { posted, pendingIn, pendingOut, minimum }] of Object.entries(model.wallets)) {
    const account = await ledger.accounts.get(`${prefix}:${name}`);
    // World is an asset: what leaves it raises it.
    const expected =
      name === WORLD
        ? { posted: -posted, pendingIn: pendingOut, pendingOut: pendingIn, minimum }
        : { posted, pendingIn, pendingOut, minimum };
    expect(account).toMatchObject(expected);
  }
  for (const [id, { state, captured, remaining }] of Object.entries(model.holds)) {
    expect(await ledger.holds.get(id)).toMatchObject({ state, captured, remaining });
  }
}

async function follow(scenario: readonly (readonly Step[])[]): Promise<void> {
  runs += 1;
  const ledgers = engines.map((engine) => engine.inLedger(`run-${runs}`));
  const clients = await Promise.all(scenario.map((_steps, number) => openClient(at(ledgers, number), number)));
  // A failure waits for the other clients, so that none of them disturbs the next run.
  const ends = await Promise.allSettled(
    clients.map(async (client, number) => {
      for (const step of scenario[number] ?? []) await take(client, step);
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;

  // Readers see an expired hold as expired, before the sweep writes it down and after.
  const ledger = at(ledgers, 0);
  await Promise.all(clients.map(expectModel));
  await ledger.holds.expire();
  await Promise.all(clients.map(expectModel));
  await expectSound(ledger);
}

const TIME_LIMIT_MS = 600_000;

it(
  `does what the model does, up to ${CLIENTS_MAX} clients at once with up to ${STEPS_MAX} random steps each`,
  async () => {
    await fc.assert(fc.asyncProperty(scenario, follow), propertyOptions(200, TIME_LIMIT_MS));
    expect([...met].toSorted()).toEqual([
      'account_frozen',
      'again',
      'capture_exceeds_hold',
      'done',
      'dry',
      'effective_before_original',
      'expired',
      'hold_closed',
      'hold_not_found',
      'insufficient_funds',
      'limit_broken',
      'limits',
      'maximum_exceeded',
      'not_reversible',
      'reversal_exceeds_transfer',
      'same_account',
      'transfer_not_found',
    ]);
  },
  TIME_LIMIT_MS + 10_000,
);
