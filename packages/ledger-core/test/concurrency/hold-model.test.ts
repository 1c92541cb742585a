import { type Ledger, LedgerError, type LinkedLeg, type PostedTransfer } from '@micropay/ledger-core';
import { expect, it } from 'vitest';
import { times } from '../support/counts.js';
import { letExpire } from '../support/due.js';
import {
  applyToModel,
  endHold,
  type HoldModel,
  limitInModel,
  type ModelAnswer,
  type ModelLeg,
  WORLD,
  walletOf,
} from '../support/hold-model.js';
import { randomNumbers } from '../support/random.js';
import { expectSound, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const CLIENTS = 32;
const ENGINES = 2;
const STEPS = times(100_000);
const WALLETS = ['a', 'b', 'c'];
const seed = Number(process.env.MICROPAY_TEST_SEED ?? Date.now() % 1_000_000);

/** A client with wallets of its own, so that it can foretell each answer, among others who share its batches. */
interface Client {
  readonly prefix: string;
  readonly ledger: Ledger;
  readonly random: (bound: number) => number;
  model: HoldModel;
  /** Requests with a key, to be said again, and what was answered. */
  readonly said: { legs: readonly ModelLeg[]; key: string; answer: ModelAnswer; ids: readonly string[] }[];
  counts: Map<string, number>;
}

async function openClient(ledger: Ledger, number: number): Promise<Client> {
  const prefix = `client:${number}`;
  for (const name of [...WALLETS, WORLD]) {
    const unlimited = name === WORLD ? { type: 'asset' as const, minimum: null } : {};
    await ledger.accounts.open({ address: `${prefix}:${name}`, currency: 'USD', ...unlimited });
  }
  const wallets = Object.fromEntries([
    ...WALLETS.map((name) => [name, walletOf()]),
    [WORLD, walletOf({ minimum: null })],
  ]);
  return {
    prefix,
    ledger,
    random: randomNumbers(seed * 1_000 + number),
    model: { wallets, holds: {}, moves: {} },
    said: [],
    counts: new Map(),
  };
}

const pick = <Value>({ random }: Client, values: readonly Value[]) => values[random(values.length)] as Value;
const oneIn = ({ random }: Client, bound: number) => random(bound) === 0;

/** Mostly what is there still, now and then what is gone or never was. */
function pickId(client: Client, entries: readonly (readonly [id: string, isOpen: boolean])[]): string {
  const open = entries.filter(([, isOpen]) => isOpen);
  const ids = (open.length > 0 && !oneIn(client, 4) ? open : entries).map(([id]) => id).slice(-6);
  return ids.length === 0 || oneIn(client, 60) ? '0190b7c4-0000-7000-8000-000000000001' : pick(client, ids);
}

const NOON = Date.parse('2026-05-05T12:00:00Z');
const SIXTY_YEARS_MS = 1_900_000_000_000;

/** Now and then, and then about an instant: a moment before it, at it, or after it. */
function dated(client: Client, aboutMs = NOON): { effectiveAt?: Date } {
  if (!oneIn(client, 5)) return {};
  return { effectiveAt: new Date(aboutMs + pick(client, [-1_000, -1, 0, 1, 1_000, SIXTY_YEARS_MS])) };
}

function randomLeg(client: Client): ModelLeg {
  const { model, random } = client;
  const amount = BigInt(1 + random(60));
  const some = () => (oneIn(client, 3) ? {} : { amount });
  const holds = Object.entries(model.holds).map(([id, { state }]) => [id, state === 'open'] as const);
  const moves = Object.entries(model.moves).map(
    ([id, move]) => [id, move.isReversible && move.reversed < move.amount] as const,
  );
  const kind = random(100);
  if (kind < 25)
    return {
      kind: 'transfer',
      from: oneIn(client, 3) ? WORLD : pick(client, WALLETS),
      to: pick(client, WALLETS),
      amount,
      ...dated(client, NOON),
    };
  if (kind < 30) return { kind: 'transfer', from: pick(client, WALLETS), to: WORLD, amount };
  if (kind < 50) return { kind: 'hold', from: pick(client, [...WALLETS, WORLD]), to: pick(client, WALLETS), amount };
  if (kind < 70) {
    const hold = pickId(client, holds);
    const final = oneIn(client, 3) ? { final: true } : {};
    return { kind: 'capture', hold, ...some(), ...final, ...dated(client, model.holds[hold]?.effectiveMs) };
  }
  if (kind < 80) return { kind: 'release', hold: pickId(client, holds) };
  const overdraft = oneIn(client, 3) ? { allowOverdraft: { by: 'test' } } : {};
  const transfer = pickId(client, moves);
  return { kind: 'reversal', transfer, ...some(), ...overdraft, ...dated(client, model.moves[transfer]?.effectiveMs) };
}

function toLeg({ prefix }: Client, leg: ModelLeg): LinkedLeg {
  if (!('from' in leg)) return leg as LinkedLeg;
  return { ...leg, from: `${prefix}:${leg.from}`, to: `${prefix}:${leg.to}`, currency: 'USD' };
}

async function step(client: Client): Promise<void> {
  const choice = client.random(100);
  if (choice < 3) return changeLimits(client);
  if (choice < 6) return freezeOrThaw(client);
  if (choice < 8) return passTime(client);
  if (choice < 12 && client.said.length > 0) return sayAgain(client);
  const legs = Array.from({ length: oneIn(client, 5) ? 1 + client.random(4) : 1 }, () => randomLeg(client));
  const isDry = oneIn(client, 10);
  const key = oneIn(client, 2) ? undefined : `${client.prefix} ${client.said.length} ${client.random(1_000_000_000)}`;
  const { answer, after } = applyToModel(client.model, legs);
  const found = await ask(client, legs, {
    ...(isDry ? { dryRun: true } : {}),
    ...(key === undefined ? {} : { idempotencyKey: key }),
  });
  expect(shown(found)).toEqual(answer);
  count(client, 'code' in answer ? answer.code : isDry ? 'dry' : 'done');
  if (isDry || found instanceof LedgerError) return;
  const before = client.model;
  client.model = after;
  for (const [index, leg] of legs.entries()) note(client, before, leg, found[index] as PostedTransfer);
  if (key !== undefined) client.said.push({ legs, key, answer, ids: found.map(({ id }) => id) });
}

/** A request of one leg goes the way of a single one, with the same answer. */
async function ask(
  client: Client,
  legs: readonly ModelLeg[],
  options: object,
): Promise<readonly PostedTransfer[] | LedgerError> {
  return client.ledger.transfers
    .postLinked(
      legs.map((leg) => toLeg(client, leg)),
      options,
    )
    .catch((error: unknown) => {
      if (error instanceof LedgerError) return error;
      throw error;
    });
}

function shown(found: readonly PostedTransfer[] | LedgerError): ModelAnswer {
  if (found instanceof LedgerError) return { code: found.code };
  return found.map(({ kind, amount, released }) => ({ kind: kind as ModelLeg['kind'], amount, released }));
}

function note({ model }: Client, before: HoldModel, leg: ModelLeg, made: PostedTransfer): void {
  const { id, amount, originalId, recordedAt, effectiveAt } = made;
  const effectiveMs = effectiveAt.getTime();
  const original = before.moves[originalId ?? ''];
  const given = 'effectiveAt' in leg ? leg.effectiveAt?.getTime() : undefined;
  expect(effectiveMs).toBe(given ?? Math.max(recordedAt.getTime(), original?.effectiveMs ?? 0));
  if (leg.kind === 'hold') {
    model.holds[id] = { from: leg.from, to: leg.to, remaining: amount, captured: 0n, state: 'open', effectiveMs };
  }
  const between = (from: string, to: string, isReversible: boolean) => {
    model.moves[id] = { from, to, amount, isReversible, reversed: 0n, effectiveMs };
  };
  if (leg.kind === 'transfer') between(leg.from, leg.to, true);
  if (leg.kind === 'capture') between(before.holds[leg.hold]?.from ?? '', before.holds[leg.hold]?.to ?? '', true);
  if (leg.kind === 'hold') between(leg.from, leg.to, false);
}

async function changeLimits(client: Client): Promise<void> {
  const name = pick(client, WALLETS);
  const limit = () => (oneIn(client, 3) ? null : BigInt(client.random(200) - 60));
  const limits = oneIn(client, 2) ? { minimum: limit() } : { maximum: limit() };
  const code = limitInModel(client.model, name, limits);
  const found = await client.ledger.accounts.setLimits(`${client.prefix}:${name}`, limits).then(
    () => undefined,
    (error: LedgerError) => error.code,
  );
  expect(found).toBe(code);
  count(client, code ?? 'limits');
}

async function freezeOrThaw({ prefix, ledger, model, ...rest }: Client): Promise<void> {
  const client = { prefix, ledger, model, ...rest };
  const name = pick(client, WALLETS);
  const wallet = model.wallets[name];
  if (wallet === undefined) return;
  wallet.frozen = !wallet.frozen && oneIn(client, 3);
  await (wallet.frozen ? ledger.accounts.freeze(`${prefix}:${name}`) : ledger.accounts.unfreeze(`${prefix}:${name}`));
}

async function passTime(client: Client): Promise<void> {
  const open = Object.entries(client.model.holds).filter(([, { state }]) => state === 'open');
  if (open.length === 0) return;
  const [id] = pick(client, open);
  await letExpire(bed, id);
  endHold(client.model, id, 'expired');
  count(client, 'expired');
}

async function sayAgain(client: Client): Promise<void> {
  const { legs, key, answer, ids } = pick(client, client.said);
  const found = await ask(client, legs, { idempotencyKey: key });
  expect(shown(found)).toEqual(answer);
  expect((found as readonly PostedTransfer[]).map(({ id, replayed }) => [id, replayed])).toEqual(
    ids.map((id) => [id, true]),
  );
  count(client, 'again');
}

function count({ counts }: Client, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

async function expectModels(ledger: Ledger, clients: readonly Client[]): Promise<void> {
  for (const client of clients) {
    for (const [name, { posted, pendingIn, pendingOut, minimum }] of Object.entries(client.model.wallets)) {
      const account = await ledger.accounts.get(`${client.prefix}:${name}`);
      // World is an asset: what leaves it raises it.
      const sides =
        name === WORLD
          ? { posted: -account.posted, pendingIn: account.pendingOut, pendingOut: account.pendingIn }
          : { posted: account.posted, pendingIn: account.pendingIn, pendingOut: account.pendingOut };
      expect({ ...sides, minimum: account.minimum }).toEqual({ posted, pendingIn, pendingOut, minimum });
    }
    for (const [id, { state, captured, remaining }] of Object.entries(client.model.holds)) {
      expect(await ledger.holds.get(id)).toMatchObject({ state, captured, remaining });
    }
  }
}

it(`does what the model does in ${STEPS} random steps, ${CLIENTS} clients at once (seed ${seed})`, async () => {
  const engines = Array.from({ length: ENGINES }, () => bed.ledger());
  const clients: Client[] = [];
  for (let number = 0; number < CLIENTS; number += 1) {
    clients.push(await openClient(engines[number % ENGINES] as Ledger, number));
  }
  await Promise.all(
    clients.map(async (client) => {
      for (let number = 0; number < STEPS / CLIENTS; number += 1) {
        await step(client).catch((error: unknown) => {
          throw new Error(`seed ${seed}, ${client.prefix}, step ${number}`, { cause: error });
        });
      }
    }),
  );

  // Readers tell what is so before the sweep, which changes nothing of it.
  const [ledger] = engines as [Ledger];
  await expectModels(ledger, clients);
  await ledger.holds.expire();
  await expectModels(ledger, clients);
  const counts = new Map<string, number>();
  for (const client of clients) {
    for (const [what, times] of client.counts) counts.set(what, (counts.get(what) ?? 0) + times);
  }
  await expectSound(ledger);
  expect([...counts.keys()].toSorted()).toEqual([
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
}, 600_000);
