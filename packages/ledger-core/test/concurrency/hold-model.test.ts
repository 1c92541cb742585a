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
  type ModelHold,
  type ModelLeg,
  recordInModel,
  WORLD,
  walletOf,
} from '../support/hold-model.js';
import { randomNumbers } from '../support/random.js';
import { expectSound, useTestBed } from '../support/test-bed.js';

/*
 * Clients take random steps at once, so that their requests share batches. Each has wallets of its own and a model of them, by which
 * it predicts every answer. In the end the ledger's balances and holds are those of the models.
 */
const bed = useTestBed();
const CLIENTS = 32;
const ENGINES = 2;
const STEPS = times(100_000);
const WALLETS = ['a', 'b', 'c'];
const seed = Number(process.env.MICROPAY_TEST_SEED ?? Date.now() % 1_000_000);

interface Client {
  readonly prefix: string;
  readonly ledger: Ledger;
  readonly random: (bound: number) => number;
  model: HoldModel;
  /** Requests with a key, to be repeated, and their answers. */
  readonly keyed: { legs: readonly ModelLeg[]; key: string; answer: ModelAnswer; ids: readonly string[] }[];
  /** The kinds of outcome that it has met so far. */
  readonly met: Set<string>;
}

async function openClient(ledger: Ledger, number: number): Promise<Client> {
  const prefix = `client:${number}`;
  for (const name of [...WALLETS, WORLD]) {
    const unlimited = name === WORLD ? { type: 'asset' as const, minimum: null } : {};
    await ledger.accounts.open({ address: `${prefix}:${name}`, currency: 'USD', ...unlimited });
  }
  const wallets = Object.fromEntries(WALLETS.map((name) => [name, walletOf()]));
  return {
    prefix,
    ledger,
    random: randomNumbers(seed * 1_000 + number),
    model: { wallets: { ...wallets, [WORLD]: walletOf({ minimum: null }) }, holds: {}, moves: {} },
    keyed: [],
    met: new Set(),
  };
}

const pick = <Value>({ random }: Client, values: readonly Value[]) => values[random(values.length)] as Value;
const repeat = <Value>(count: number, value: Value) => Array.from({ length: count }, () => value);
const isOpen = ({ state }: ModelHold) => state === 'open';
const oneIn = ({ random }: Client, bound: number) => random(bound) === 0;

/** Mostly one of the last of which something is left, sometimes one that is not, seldom one that never was. */
function pickId<Value>(
  client: Client,
  all: Readonly<Record<string, Value>>,
  isLeft: (value: Value) => boolean,
): string {
  const open = Object.keys(all).filter((id) => isLeft(all[id] as Value));
  const ids = (open.length > 0 && !oneIn(client, 4) ? open : Object.keys(all)).slice(-6);
  return ids.length === 0 || oneIn(client, 60) ? '0190b7c4-0000-7000-8000-000000000001' : pick(client, ids);
}

const NOON = Date.parse('2026-05-05T12:00:00Z');
const SIXTY_YEARS_MS = 1_900_000_000_000;

/** One leg in five says when it is effective: about that of what it continues, before it, at it or after it. */
function dated(client: Client, aboutMs = NOON): { effectiveAt?: Date } {
  if (!oneIn(client, 5)) return {};
  return { effectiveAt: new Date(aboutMs + pick(client, [-1_000, -1, 0, 1, 1_000, SIXTY_YEARS_MS])) };
}

const amountOf = ({ random }: Client) => BigInt(1 + random(60));
const partOf = (client: Client) => (oneIn(client, 3) ? {} : { amount: amountOf(client) });

type Make = (client: Client) => ModelLeg;

const pay: Make = (client) => {
  const from = oneIn(client, 3) ? WORLD : pick(client, WALLETS);
  return { kind: 'transfer', from, to: pick(client, WALLETS), amount: amountOf(client), ...dated(client) };
};

const payOut: Make = (client) => {
  return { kind: 'transfer', from: pick(client, WALLETS), to: WORLD, amount: amountOf(client) };
};

const hold: Make = (client) => {
  const from = pick(client, [...WALLETS, WORLD]);
  return { kind: 'hold', from, to: pick(client, WALLETS), amount: amountOf(client) };
};

const capture: Make = (client) => {
  const { holds } = client.model;
  const id = pickId(client, holds, isOpen);
  const final = oneIn(client, 3) ? { final: true } : {};
  return { kind: 'capture', hold: id, ...partOf(client), ...final, ...dated(client, holds[id]?.effectiveMs) };
};

const release: Make = (client) => ({ kind: 'release', hold: pickId(client, client.model.holds, isOpen) });

const reverse: Make = (client) => {
  const { moves } = client.model;
  const id = pickId(client, moves, ({ isReversible, reversed, amount }) => isReversible && reversed < amount);
  const overdraft = oneIn(client, 3) ? { allowOverdraft: { by: 'test' } } : {};
  return { kind: 'reversal', transfer: id, ...partOf(client), ...overdraft, ...dated(client, moves[id]?.effectiveMs) };
};

/** In these proportions. */
const LEGS = [
  ...repeat(5, pay),
  payOut,
  ...repeat(4, hold),
  ...repeat(4, capture),
  ...repeat(2, release),
  ...repeat(4, reverse),
];

/** Mostly requests, one in eight is something else. */
function step(client: Client): Promise<void> {
  const choice = client.random(100);
  if (choice < 3) return changeLimits(client);
  if (choice < 6) return freezeOrThaw(client);
  if (choice < 8) return expireHold(client);
  if (choice < 12 && client.keyed.length > 0) return repeatRequest(client);
  return request(client);
}

/** One to four legs, all or none; one in ten as a dry run, half of them with a key. */
async function request(client: Client): Promise<void> {
  const legs = Array.from({ length: oneIn(client, 5) ? 1 + client.random(4) : 1 }, () => pick(client, LEGS)(client));
  const dryRun = oneIn(client, 10);
  const key = oneIn(client, 2) ? undefined : `${client.prefix} ${client.keyed.length} ${client.random(1_000_000_000)}`;
  const { answer, after } = applyToModel(client.model, legs);
  const found = await ask(client, legs, {
    ...(dryRun ? { dryRun } : {}),
    ...(key === undefined ? {} : { idempotencyKey: key }),
  });
  expect(answerOf(found)).toEqual(answer);
  client.met.add('code' in answer ? answer.code : dryRun ? 'dry' : 'done');
  if (dryRun || found instanceof LedgerError) return;
  const before = client.model;
  client.model = after;
  for (const [index, leg] of legs.entries()) record(client, before, leg, found[index] as PostedTransfer);
  if (key !== undefined) client.keyed.push({ legs, key, answer, ids: found.map(({ id }) => id) });
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
  client.met.add(code ?? 'limits');
}

async function freezeOrThaw(client: Client): Promise<void> {
  const { accounts } = client.ledger;
  const name = pick(client, WALLETS);
  const wallet = client.model.wallets[name] as HoldModel['wallets'][string];
  wallet.frozen = !wallet.frozen && oneIn(client, 3);
  await (wallet.frozen ? accounts.freeze(`${client.prefix}:${name}`) : accounts.unfreeze(`${client.prefix}:${name}`));
}

async function expireHold(client: Client): Promise<void> {
  const open = Object.entries(client.model.holds).filter(([, found]) => isOpen(found));
  if (open.length === 0) return;
  const [id] = pick(client, open);
  await letExpire(bed, id);
  endHold(client.model, id, 'expired');
  client.met.add('expired');
}

async function repeatRequest(client: Client): Promise<void> {
  const { legs, key, answer, ids } = pick(client, client.keyed);
  const found = await ask(client, legs, { idempotencyKey: key });
  expect(answerOf(found)).toEqual(answer);
  expect((found as readonly PostedTransfer[]).map(({ id, replayed }) => [id, replayed])).toEqual(
    ids.map((id) => [id, true]),
  );
  client.met.add('again');
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

  // Readers see an expired hold as expired, before the sweep writes it down and after.
  for (const client of clients) await expectModel(client);
  const [ledger] = engines as [Ledger];
  await ledger.holds.expire();
  for (const client of clients) await expectModel(client);
  await expectSound(ledger);
  const met = new Set(clients.flatMap((client) => [...client.met]));
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
}, 600_000);
