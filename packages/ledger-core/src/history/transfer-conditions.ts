import type { AccountId } from '../domain/accounts/account.js';
import { type CheckedTransferFilter, wordsOf } from '../domain/transfers/transfer-filter.js';
import { plainArray } from '../postgres/arrays.js';

type AsGiven = {
  readonly [Name in Unresolved]: CheckedTransferFilter[Name] | undefined;
};
type Unresolved = 'kinds' | 'currency' | 'amountMin' | 'amountMax' | 'groupId' | 'reference' | 'words' | 'metadata';

/** A filter whose accounts are known, and whose days are instants. */
export interface ResolvedTransferFilter extends AsGiven {
  /** The accounts of which one is debited or credited; undefined for any. */
  readonly accounts: readonly AccountId[] | undefined;
  readonly counterparty: AccountId | undefined;
  readonly recordedFrom: Date | undefined;
  readonly recordedTo: Date | undefined;
  readonly effectiveFrom: Date | undefined;
  readonly effectiveTo: Date | undefined;
}

/** The values of a statement, which names each by its number. */
export class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

/** The conditions that every row `t` of the list meets, by whatever index it is found. */
export function conditionsOf(
  filter: ResolvedTransferFilter,
  schema: string,
  parameters: Parameters,
): readonly string[] {
  const conditions: string[] = [];
  const add = <Value>(value: Value | undefined, condition: (value: Value) => string) => {
    if (value !== undefined) conditions.push(condition(value));
  };
  const instant = (at: Date) => parameters.add(at.toISOString(), 'timestamptz');
  const effective = 'coalesce(t.effective_at, t.recorded_at)';
  add(filter.accounts, (accounts) => {
    const ids = parameters.add(plainArray(accounts), 'uuid[]');
    return `(t.from_account = any(${ids}) or t.to_account = any(${ids}))`;
  });
  add(filter.counterparty, (id) => otherSideIs(filter, id, parameters));
  add(filter.kinds, (kinds) => `t.kind = any(${parameters.add(plainArray(kinds), `${schema}.transfer_kind[]`)})`);
  add(filter.currency, (currency) => `t.currency = ${parameters.add(currency, 'text')}`);
  add(filter.amountMin, (amount) => `t.amount >= ${parameters.add(String(amount), 'numeric')}`);
  add(filter.amountMax, (amount) => `t.amount <= ${parameters.add(String(amount), 'numeric')}`);
  add(filter.recordedFrom, (at) => `t.recorded_at >= ${instant(at)}`);
  add(filter.recordedTo, (at) => `t.recorded_at < ${instant(at)}`);
  add(filter.effectiveFrom, (at) => `${effective} >= ${instant(at)}`);
  add(filter.effectiveTo, (at) => `${effective} < ${instant(at)}`);
  add(filter.groupId, (id) => `t.group_id = ${parameters.add(id, 'uuid')}`);
  add(filter.reference, (reference) => `t.reference = ${parameters.add(reference, 'text')}`);
  for (const word of wordsOf(filter.words ?? '')) {
    conditions.push(`position(lower(${parameters.add(word, 'text')}) in lower(t.description)) > 0`);
  }
  add(filter.metadata, (members) => `t.metadata @> ${parameters.add(JSON.stringify(members), 'jsonb')}`);
  return conditions;
}

/** The counterparty on one side, and one of the accounts on the other. */
function otherSideIs({ accounts = [] }: ResolvedTransferFilter, id: AccountId, parameters: Parameters): string {
  const other = parameters.add(id, 'uuid');
  const ids = parameters.add(plainArray(accounts), 'uuid[]');
  return `(t.from_account = ${other} and t.to_account = any(${ids}) or t.to_account = ${other} and t.from_account = any(${ids}))`;
}
