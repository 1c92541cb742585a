/**
 * Transfers, holds and reversals in memory, written from the rules on paper: wallets with limits, and an outside world without. The
 * model keeps no clock. It knows when a movement is effective, and a hold is over as soon as a test says so.
 */
export interface HoldModel {
  readonly wallets: Record<string, ModelWallet>;
  /** By the id that the ledger gave. */
  readonly holds: Record<string, ModelHold>;
  /** Everything that someone may try to reverse, by the id that the ledger gave. */
  readonly moves: Record<string, ModelMove>;
}

export interface ModelWallet {
  posted: bigint;
  pendingIn: bigint;
  pendingOut: bigint;
  minimum: bigint | null;
  maximum: bigint | null;
  frozen: boolean;
}

interface Sides {
  readonly from: string;
  readonly to: string;
}

export interface ModelHold extends Sides {
  readonly effectiveMs: number;
  remaining: bigint;
  captured: bigint;
  state: 'open' | 'captured' | 'released' | 'expired';
}

export interface ModelMove extends Sides {
  readonly amount: bigint;
  readonly effectiveMs: number;
  readonly isReversible: boolean;
  reversed: bigint;
}

interface Dated {
  readonly effectiveAt?: Date;
}

type Movement = Sides & { readonly amount: bigint };
type Capture = Dated & { readonly hold: string; readonly amount?: bigint; readonly final?: boolean };
type Reversal = Dated & { readonly transfer: string; readonly amount?: bigint; readonly allowOverdraft?: object };

export type ModelLeg =
  | ({ readonly kind: 'transfer' } & Movement & Dated)
  | ({ readonly kind: 'hold' } & Movement)
  | ({ readonly kind: 'capture' } & Capture)
  | { readonly kind: 'release'; readonly hold: string }
  | ({ readonly kind: 'reversal' } & Reversal);

/** The amount that a leg moved, ended or set aside. */
export interface ModelMoved {
  readonly kind: ModelLeg['kind'];
  readonly amount: bigint;
  readonly released: bigint;
}

export type ModelAnswer = readonly ModelMoved[] | { readonly code: string };

/** The account of the outside world: an asset without limits, which holds the opposite of all wallets. */
export const WORLD = 'world';

export function walletOf(limits: Partial<ModelWallet> = {}): ModelWallet {
  return { posted: 0n, pendingIn: 0n, pendingOut: 0n, minimum: 0n, maximum: null, frozen: false, ...limits };
}

const wallet = (model: HoldModel, name: string) => model.wallets[name] as ModelWallet;

/** Applies legs, all or none. How much a payee may take is judged when nothing else refuses. */
export function applyToModel(model: HoldModel, legs: readonly ModelLeg[]): { answer: ModelAnswer; after: HoldModel } {
  const after = structuredClone(model);
  const moved: ModelMoved[] = [];
  let isTooMuch = false;
  for (const leg of legs) {
    let result = applyLeg(after, leg, true);
    if (result === 'maximum_exceeded') {
      isTooMuch = true;
      result = applyLeg(after, leg, false);
    }
    if (typeof result === 'string') return { answer: { code: result }, after: model };
    moved.push(result);
  }
  return isTooMuch ? { answer: { code: 'maximum_exceeded' }, after: model } : { answer: moved, after };
}

function applyLeg(model: HoldModel, leg: ModelLeg, asksPayee: boolean): ModelMoved | string {
  switch (leg.kind) {
    case 'transfer':
      return move(model, leg, asksPayee, { kind: 'transfer', posted: leg.amount, pending: 0n });
    case 'hold':
      return move(model, leg, asksPayee, { kind: 'hold', posted: 0n, pending: leg.amount });
    case 'capture':
      return capture(model, leg);
    case 'release':
      return endHold(model, leg.hold, 'released');
    case 'reversal':
      return reverse(model, leg, asksPayee);
  }
}

const isFrozen = (model: HoldModel, { from, to }: Sides) => wallet(model, from).frozen || wallet(model, to).frozen;

const leftAfter = ({ posted, pendingOut }: ModelWallet, amount: bigint) => posted - pendingOut - amount;

function isShort(model: HoldModel, name: string, amount: bigint): boolean {
  const payer = wallet(model, name);
  return payer.minimum !== null && leftAfter(payer, amount) < payer.minimum;
}

function isFull(model: HoldModel, name: string, amount: bigint): boolean {
  const { posted, pendingIn, maximum } = wallet(model, name);
  return maximum !== null && posted + pendingIn + amount > maximum;
}

/** Money that goes on, or back, before it came would leave an account short by effective time. */
const isTooEarly = ({ effectiveAt }: Dated, { effectiveMs }: ModelHold | ModelMove) =>
  effectiveAt !== undefined && effectiveAt.getTime() < effectiveMs;

function shift(model: HoldModel, { from, to }: Sides, posted: bigint, pending: bigint): void {
  const payer = wallet(model, from);
  const payee = wallet(model, to);
  payer.posted -= posted;
  payer.pendingOut += pending;
  payee.posted += posted;
  payee.pendingIn += pending;
}

function move(
  model: HoldModel,
  leg: Movement,
  asksPayee: boolean,
  { kind, posted, pending }: { kind: 'transfer' | 'hold'; posted: bigint; pending: bigint },
): ModelMoved | string {
  const { from, to, amount } = leg;
  if (from === to) return 'same_account';
  if (isFrozen(model, leg)) return 'account_frozen';
  if (isShort(model, from, amount)) return 'insufficient_funds';
  if (asksPayee && isFull(model, to, amount)) return 'maximum_exceeded';
  shift(model, leg, posted, pending);
  return { kind, amount, released: 0n };
}

/** No limit refuses it: the hold counts against the limits already. */
function capture(model: HoldModel, leg: Capture): ModelMoved | string {
  const hold = model.holds[leg.hold];
  if (hold === undefined) return 'hold_not_found';
  if (hold.state !== 'open') return 'hold_closed';
  if (isTooEarly(leg, hold)) return 'effective_before_original';
  if (isFrozen(model, hold)) return 'account_frozen';
  const amount = leg.amount ?? hold.remaining;
  if (amount > hold.remaining) return 'capture_exceeds_hold';
  const released = leg.final ? hold.remaining - amount : 0n;
  shift(model, hold, amount, -amount - released);
  hold.captured += amount;
  hold.remaining -= amount + released;
  if (hold.remaining === 0n) hold.state = 'captured';
  return { kind: 'capture', amount, released };
}

/** Works on frozen accounts too: it gives money back. */
export function endHold(model: HoldModel, id: string, state: 'released' | 'expired'): ModelMoved | string {
  const hold = model.holds[id];
  if (hold === undefined) return 'hold_not_found';
  if (hold.state !== 'open') return 'hold_closed';
  const amount = hold.remaining;
  shift(model, hold, 0n, -amount);
  hold.remaining = 0n;
  hold.state = state;
  return { kind: 'release', amount, released: 0n };
}

function reverse(model: HoldModel, leg: Reversal, asksPayee: boolean): ModelMoved | string {
  const original = model.moves[leg.transfer];
  if (original === undefined) return 'transfer_not_found';
  if (!original.isReversible) return 'not_reversible';
  if (isTooEarly(leg, original)) return 'effective_before_original';
  if (isFrozen(model, original)) return 'account_frozen';
  const left = original.amount - original.reversed;
  const amount = leg.amount ?? left;
  if (amount > left || left === 0n) return 'reversal_exceeds_transfer';
  const back = { from: original.to, to: original.from };
  const payer = wallet(model, back.from);
  const lowersMinimum = isShort(model, back.from, amount);
  if (lowersMinimum && leg.allowOverdraft === undefined) return 'insufficient_funds';
  if (asksPayee && isFull(model, back.to, amount)) return 'maximum_exceeded';
  if (lowersMinimum) payer.minimum = leftAfter(payer, amount);
  shift(model, back, amount, 0n);
  original.reversed += amount;
  return { kind: 'reversal', amount, released: 0n };
}

/** Remembers under its id what later legs can continue. */
export function recordInModel(
  model: HoldModel,
  leg: ModelLeg,
  { id, amount, effectiveMs }: { readonly id: string; readonly amount: bigint; readonly effectiveMs: number },
): void {
  if (leg.kind === 'release' || leg.kind === 'reversal') return;
  const { from, to } = leg.kind === 'capture' ? (model.holds[leg.hold] as ModelHold) : leg;
  if (leg.kind === 'hold') {
    model.holds[id] = { from, to, remaining: amount, captured: 0n, state: 'open', effectiveMs };
  }
  model.moves[id] = { from, to, amount, isReversible: leg.kind !== 'hold', reversed: 0n, effectiveMs };
}

/** Sets limits, or returns the code of the refusal when the present balance breaks them. */
export function limitInModel(
  model: HoldModel,
  name: string,
  limits: Partial<Pick<ModelWallet, 'minimum' | 'maximum'>>,
): string | undefined {
  const own = wallet(model, name);
  const before = { minimum: own.minimum, maximum: own.maximum };
  Object.assign(own, limits);
  if (!isShort(model, name, 0n) && !isFull(model, name, 0n)) return undefined;
  Object.assign(own, before);
  return 'limit_broken';
}
