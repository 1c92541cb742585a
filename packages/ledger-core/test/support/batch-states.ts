import type { AccountId } from '../../src/domain/accounts/account.js';
import type { Balance } from '../../src/domain/decision/balance.js';
import type { BatchState } from '../../src/domain/decision/decide.js';

/** Makes what a batch has read under its locks, at `nowMs`. */
export function createBatchStates(nowMs: number) {
  /** A wallet with 100 in it. */
  function balanceOf(accountId: AccountId, part: Partial<Balance> = {}): Balance {
    return {
      accountId,
      debitNormal: false,
      currency: 'USD',
      status: 'open',
      minimum: 0n,
      maximum: null,
      debitsPosted: 0n,
      creditsPosted: 100n,
      debitsPending: 0n,
      creditsPending: 0n,
      version: 1n,
      recordedAtMs: nowMs - 1,
      changed: false,
      ...part,
    };
  }

  function stateOf(...balances: readonly Balance[]): BatchState {
    return {
      balances: new Map(balances.map((balance) => [balance.accountId, balance])),
      storedByKey: new Map(),
      storedById: new Map(),
      holds: new Map(),
      originals: new Map(),
      limitChanges: [],
      lowered: new Set(),
      unconfirmed: new Set(),
      nowMs,
    };
  }

  return { balanceOf, stateOf };
}
