/**
 * Money in every state, in memory, written from the rules on paper: wallets with limits, holds, reversals. It
 * knows of time only when a move is effective: a hold whose time is over is over at once, as it is for whoever looks
 * from outside.
 */
export interface HoldModel {
  readonly wallets: Record<string, ModelWallet>;
  /** By the id that the ledger gave. */
  readonly holds: Record<string, ModelHold>;
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

export interface ModelHold {
  readonly from: string;
  readonly to: string;
  /** Milliseconds since 1970. */
  readonly effectiveMs: number;
  remaining: bigint;
  captured: bigint;
  state: 'open' | 'captured' | 'released' | 'expired';
}

export interface ModelMove {
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  /** Milliseconds since 1970. */
  readonly effectiveMs: number;
  readonly isReversible: boolean;
  reversed: bigint;
}

export type ModelLeg =
  | { readonly kind: 'hold'; readonly from: string; readonly to: string; readonly amount: bigint }
  | {
      readonly kind: 'transfer';
      readonly from: string;
      readonly to: string;
      readonly amount: bigint;
      readonly effectiveAt?: Date;
    }
  | {
      readonly kind: 'capture';
      readonly hold: string;
      readonly amount?: bigint;
      readonly final?: boolean;
      readonly effectiveAt?: Date;
    }
  | { readonly kind: 'release'; readonly hold: string }
  | {
      readonly kind: 'reversal';
      readonly transfer: string;
      readonly amount?: bigint;
      readonly allowOverdraft?: object;
      readonly effectiveAt?: Date;
    };

/** What a leg moved, ended or set aside. */
export interface ModelMoved {
  readonly kind: ModelLeg['kind'];
  readonly amount: bigint;
  readonly released: bigint;
}

export type ModelAnswer = readonly ModelMoved[] | { readonly code: string };

/** Refers to the first account of the ledger's other side, which has no limits. */
export const WORLD = 'world';

export function walletOf(limits: Partial<ModelWallet> = {}): ModelWallet {
  return { posted: 0n, pendingIn: 0n, pendingOut: 0n, minimum: 0n, maximum: null, frozen: false, ...limits };
}

/** Applies legs, all or none. How much a payee may take is judged when nothing else refuses. */
export function applyToModel(model: HoldModel, legs: readonly ModelLeg[]): { answer: ModelAnswer; after: HoldModel } {
  const after = structuredClone(model);
  const moved: ModelMoved[] = [];
  let isTooMuch = false;
  for (const leg of legs) {
    let result = applyLeg(after, leg);
    if (result === 'maximum_exceeded') {
      isTooMuch = true;
      result = applyWithoutMaximums(after, leg);
    }
    if (typeof result === 'string') return { answer: { code: result }, after: model };
    moved.push(result);
  }
  return isTooMuch ? { answer: { code: 'maximum_exceeded' }, after: model } : { answer: moved, after };
}

function applyWithoutMaximums(model: HoldModel, leg: ModelLeg): ModelMoved | string {
  const maximums = Object.entries(model.wallets).map(([name, { maximum }]) => [name, maximum] as const);
  for (const [name] of maximums) wallet(model, name).maximum = null;
  const result = applyLeg(model, leg);
  for (const [name, maximum] of maximums) wallet(model, name).maximum = maximum;
  return result;
}

function applyLeg(model: HoldModel, leg: ModelLeg): ModelMoved | string {
  switch (leg.kind) {
    case 'transfer':
      return pay(model, leg);
    case 'hold':
      return place(model, leg);
    case 'capture':
      return capture(model, leg);
    case 'release':
      return endHold(model, leg.hold, 'released');
    case 'reversal':
      return reverse(model, leg);
  }
}

const wallet = (model: HoldModel, name: string) => model.wallets[name] as ModelWallet;

function refused({ wallets }: HoldModel, from: string, to: string): string | undefined {
  if (from === to) return 'same_account';
  return wallets[from]?.frozen || wallets[to]?.frozen ? 'account_frozen' : undefined;
}

/** World is an asset without limits: whatever moves, nothing of it is refused. */
function beyondLimits(model: HoldModel, from: string, to: string, amount: bigint): string | undefined {
  const payer = wallet(model, from);
  const payee = wallet(model, to);
  if (payer.minimum !== null && payer.posted - payer.pendingOut - amount < payer.minimum) return 'insufficient_funds';
  if (payee.maximum !== null && payee.posted + payee.pendingIn + amount > payee.maximum) return 'maximum_exceeded';
  return undefined;
}

/** Money that goes on, or back, before it came would leave an account short by effective time. */
function tooEarly(effectiveAt: Date | undefined, { effectiveMs }: { readonly effectiveMs: number }) {
  return effectiveAt !== undefined && effectiveAt.getTime() < effectiveMs ? 'effective_before_original' : undefined;
}

function shift(model: HoldModel, from: string, to: string, posted: bigint, pending: bigint): void {
  const payer = wallet(model, from);
  const payee = wallet(model, to);
  payer.posted -= posted;
  payer.pendingOut += pending;
  payee.posted += posted;
  payee.pendingIn += pending;
}

function pay(
  model: HoldModel,
  { from, to, amount }: { from: string; to: string; amount: bigint },
): ModelMoved | string {
  const code = refused(model, from, to) ?? beyondLimits(model, from, to, amount);
  if (code !== undefined) return code;
  shift(model, from, to, amount, 0n);
  return { kind: 'transfer', amount, released: 0n };
}

function place(
  model: HoldModel,
  { from, to, amount }: { from: string; to: string; amount: bigint },
): ModelMoved | string {
  const code = refused(model, from, to) ?? beyondLimits(model, from, to, amount);
  if (code !== undefined) return code;
  shift(model, from, to, 0n, amount);
  return { kind: 'hold', amount, released: 0n };
}

function capture(model: HoldModel, leg: ModelLeg & { kind: 'capture' }): ModelMoved | string {
  const hold = model.holds[leg.hold];
  if (hold === undefined) return 'hold_not_found';
  if (hold.state !== 'open') return 'hold_closed';
  const code = tooEarly(leg.effectiveAt, hold) ?? refused(model, hold.from, hold.to);
  if (code !== undefined) return code;
  const amount = leg.amount ?? hold.remaining;
  if (amount > hold.remaining) return 'capture_exceeds_hold';
  const released = leg.final ? hold.remaining - amount : 0n;
  shift(model, hold.from, hold.to, amount, -amount - released);
  hold.captured += amount;
  hold.remaining -= amount + released;
  if (hold.remaining === 0n) hold.state = 'captured';
  return { kind: 'capture', amount, released };
}

export function endHold(model: HoldModel, id: string, state: 'released' | 'expired'): ModelMoved | string {
  const hold = model.holds[id];
  if (hold === undefined) return 'hold_not_found';
  if (hold.state !== 'open') return 'hold_closed';
  const amount = hold.remaining;
  shift(model, hold.from, hold.to, 0n, -amount);
  hold.remaining = 0n;
  hold.state = state;
  return { kind: 'release', amount, released: 0n };
}

function reverse(model: HoldModel, leg: ModelLeg & { kind: 'reversal' }): ModelMoved | string {
  const move = model.moves[leg.transfer];
  if (move === undefined) return 'transfer_not_found';
  if (!move.isReversible) return 'not_reversible';
  const code = tooEarly(leg.effectiveAt, move) ?? refused(model, move.to, move.from);
  if (code !== undefined) return code;
  const left = move.amount - move.reversed;
  const amount = leg.amount ?? left;
  if (amount > left || left === 0n) return 'reversal_exceeds_transfer';
  const payer = wallet(model, move.to);
  const limit = beyondLimits(model, move.to, move.from, amount);
  if (limit === 'insufficient_funds' && leg.allowOverdraft !== undefined) {
    const payee = wallet(model, move.from);
    if (payee.maximum !== null && payee.posted + payee.pendingIn + amount > payee.maximum) return 'maximum_exceeded';
    payer.minimum = payer.posted - payer.pendingOut - amount;
  } else if (limit !== undefined) return limit;
  shift(model, move.to, move.from, amount, 0n);
  move.reversed += amount;
  return { kind: 'reversal', amount, released: 0n };
}

/** Answers whether the limits stand; they are refused when the present balance breaks them. */
export function limitInModel(
  model: HoldModel,
  name: string,
  limits: Partial<Pick<ModelWallet, 'minimum' | 'maximum'>>,
): string | undefined {
  const own = wallet(model, name);
  const { minimum = own.minimum, maximum = own.maximum } = limits;
  if (minimum !== null && own.posted - own.pendingOut < minimum) return 'limit_broken';
  if (maximum !== null && own.posted + own.pendingIn > maximum) return 'limit_broken';
  Object.assign(own, { minimum, maximum });
  return undefined;
}
