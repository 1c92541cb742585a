import type { AccountType, FreezeSide, OpenAccount, PostTransfer, TransferLeg } from '@micropay/ledger-core';

/**
 * A ledger in memory, written from the rules on paper and not from the engine: it knows nothing of batches,
 * locks or SQL. What a caller sees of the engine has to be what a caller sees of the model.
 */
export interface Model {
  readonly accounts: Map<string, ModelAccount>;
  /** Accounts by what callers call them: address or id. */
  readonly names: Map<string, string>;
  readonly keys: Map<string, ModelRequest>;
  readonly ids: Map<string, ModelRequest>;
  posted: number;
}

export interface ModelAccount {
  readonly address: string;
  readonly type: AccountType;
  readonly currency: string;
  readonly minimum: bigint | null;
  readonly maximum: bigint | null;
  frozen: FreezeSide | null;
  debits: bigint;
  credits: bigint;
  /** Oldest first. */
  readonly entries: ModelEntry[];
}

export interface ModelEntry {
  /** Counts the transfers of the whole ledger. */
  readonly transfer: number;
  readonly direction: 'debit' | 'credit';
  readonly counterparty: string;
  readonly amount: bigint;
  readonly posted: bigint;
  readonly version: bigint;
}

interface ModelRequest {
  readonly body: string;
  readonly transfers: readonly ModelTransfer[];
}

export interface ModelTransfer {
  readonly transfer: number;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly description: string | null;
  readonly metadata: TransferLeg['metadata'] | null;
  readonly effectiveAt: Date | null;
  readonly fromPosted: bigint;
  readonly toPosted: bigint;
  readonly fromVersion: bigint;
  readonly toVersion: bigint;
}

export type ModelOutcome =
  | { readonly code: string; readonly leg?: number }
  | { readonly transfers: readonly ModelTransfer[]; readonly replayed: boolean };

export function createModel(): Model {
  return { accounts: new Map(), names: new Map(), keys: new Map(), ids: new Map(), posted: 0 };
}

export function openInModel(model: Model, request: OpenAccount & { readonly id: string }): void {
  const { address, currency, id } = request;
  const isWorld = address.startsWith('world:');
  const minimum = request.minimum === undefined ? (isWorld ? null : 0n) : request.minimum;
  model.accounts.set(address, {
    address,
    currency,
    type: request.type ?? (isWorld ? 'asset' : 'liability'),
    minimum,
    maximum: request.maximum ?? null,
    frozen: null,
    debits: 0n,
    credits: 0n,
    entries: [],
  });
  model.names.set(address, address).set(id, address);
}

export function balanceInModel({ type, debits, credits }: ModelAccount): bigint {
  return type === 'asset' || type === 'expense' ? debits - credits : credits - debits;
}

export function postInModel(model: Model, request: PostTransfer): ModelOutcome {
  const { idempotencyKey, scope, ...leg } = request;
  return postRequest(model, [leg], { idempotencyKey, scope, linked: false });
}

export function postLinkedInModel(
  model: Model,
  legs: readonly TransferLeg[],
  { idempotencyKey }: { readonly idempotencyKey?: string },
): ModelOutcome {
  return postRequest(model, legs, { idempotencyKey, scope: undefined, linked: true });
}

interface PostingContext {
  readonly idempotencyKey: string | undefined;
  readonly scope: string | undefined;
  readonly linked: boolean;
}

function postRequest(model: Model, legs: readonly TransferLeg[], context: PostingContext): ModelOutcome {
  const at = (leg: number) => (context.linked ? { leg } : {});
  for (const [index, leg] of legs.entries()) {
    const code = malformed(leg);
    if (code !== undefined) return { code, ...at(index) };
  }
  const body = JSON.stringify([context.linked, legs.map(bodyOf)]);
  const key =
    context.idempotencyKey === undefined ? undefined : JSON.stringify([context.scope ?? '', context.idempotencyKey]);
  const byKey = key === undefined ? undefined : model.keys.get(key);
  if (byKey !== undefined) return byKey.body === body ? replay(byKey) : { code: 'idempotency_key_reused' };
  for (const { id } of legs) {
    const byId = id === undefined ? undefined : model.ids.get(id);
    if (byId !== undefined) return byId.body === body ? replay(byId) : { code: 'transfer_id_reused' };
  }

  const before = structuredClone({ accounts: model.accounts, posted: model.posted });
  const transfers: ModelTransfer[] = [];
  const takeBack = () => {
    for (const [address, account] of before.accounts) model.accounts.set(address, account);
    model.posted = before.posted;
  };
  let tooMuch: ModelOutcome | undefined;
  for (const [index, leg] of legs.entries()) {
    // The payee's limits are checked last, so that a linked group which fails anyway does not reveal them.
    const code = refused(model, leg, context.linked ? 'payer' : 'both');
    if (code !== undefined) {
      takeBack();
      return { code, ...at(index) };
    }
    const late = refused(model, leg, 'both');
    if (late !== undefined) tooMuch ??= { code: late, ...at(index) };
    transfers.push(move(model, leg));
  }
  if (tooMuch !== undefined) {
    takeBack();
    return tooMuch;
  }
  const stored = { body, transfers };
  if (key !== undefined) model.keys.set(key, stored);
  for (const { id } of legs) if (id !== undefined) model.ids.set(id, stored);
  return { transfers, replayed: false };
}

function replay({ transfers }: ModelRequest): ModelOutcome {
  return { transfers, replayed: true };
}

function malformed({ amount, currency }: TransferLeg): string | undefined {
  if (amount <= 0n || amount >= 10n ** 38n) return 'invalid_amount';
  if (currency !== currency.toUpperCase()) return 'unknown_currency';
  return undefined;
}

/** Two requests are the same if their fields are equal, whatever the order of the members of their metadata. */
function bodyOf({ from, to, amount, currency, id, description, metadata, effectiveAt }: TransferLeg): string {
  const sorted = metadata && Object.entries(metadata).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify({ from, to, amount: `${amount}`, currency, id, description, sorted, effectiveAt });
}

/** The first rule that a transfer breaks. */
function refused(
  model: Model,
  { from, to, amount, currency }: TransferLeg,
  limitsOf: 'payer' | 'both',
): string | undefined {
  const payer = model.accounts.get(model.names.get(from) ?? '');
  const payee = model.accounts.get(model.names.get(to) ?? '');
  if (payer === undefined || payee === undefined) return 'account_not_found';
  if (payer.address === payee.address) return 'same_account';
  if (payer.currency !== currency || payee.currency !== currency) return 'currency_mismatch';
  if (payer.frozen === 'both' || payer.frozen === 'debits') return 'account_frozen';
  if (payee.frozen === 'both' || payee.frozen === 'credits') return 'account_frozen';
  const payerAfter = { ...payer, debits: payer.debits + amount };
  const payeeAfter = { ...payee, credits: payee.credits + amount };
  const digits = (total: bigint) => total.toString().length;
  const sides = [
    [payer, payerAfter],
    [payee, payeeAfter],
  ] as const;
  const fallsBelow = sides.some(
    ([before, after]) =>
      after.minimum !== null && balanceInModel(after) < balanceInModel(before) && balanceInModel(after) < after.minimum,
  );
  if (fallsBelow) return 'insufficient_funds';
  const risesAbove = sides
    .slice(0, limitsOf === 'both' ? 2 : 1)
    .some(
      ([before, after]) =>
        after.maximum !== null &&
        balanceInModel(after) > balanceInModel(before) &&
        balanceInModel(after) > after.maximum,
    );
  if (risesAbove) return 'maximum_exceeded';
  if (digits(payerAfter.debits) > 38) return 'balance_overflow';
  if (limitsOf === 'both' && digits(payeeAfter.credits) > 38) return 'balance_overflow';
  return undefined;
}

function move(model: Model, leg: TransferLeg): ModelTransfer {
  const payer = accountOf(model, leg.from);
  const payee = accountOf(model, leg.to);
  model.posted += 1;
  payer.debits += leg.amount;
  payee.credits += leg.amount;
  const enter = (account: ModelAccount, direction: 'debit' | 'credit', counterparty: string) => {
    const entry: ModelEntry = {
      transfer: model.posted,
      direction,
      counterparty,
      amount: leg.amount,
      posted: balanceInModel(account),
      version: BigInt(account.entries.length + 1),
    };
    account.entries.push(entry);
    return entry;
  };
  const debit = enter(payer, 'debit', payee.address);
  const credit = enter(payee, 'credit', payer.address);
  return {
    transfer: model.posted,
    from: payer.address,
    to: payee.address,
    amount: leg.amount,
    currency: leg.currency,
    description: leg.description ?? null,
    metadata: leg.metadata ?? null,
    effectiveAt: leg.effectiveAt ?? null,
    fromPosted: debit.posted,
    toPosted: credit.posted,
    fromVersion: debit.version,
    toVersion: credit.version,
  };
}

function accountOf(model: Model, name: string): ModelAccount {
  const account = model.accounts.get(model.names.get(name) ?? '');
  if (account === undefined) throw new Error(`the model has no account ${name}`);
  return account;
}
