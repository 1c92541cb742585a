import type { AccountId } from '../domain/accounts/account.js';
import type { Candidate } from '../domain/decision/decide.js';
import { LedgerError } from '../errors.js';
import type { EngineCapacity } from './capacity.js';
import { touches } from './post-batch.js';
import { accountsOf } from './posting-pipeline.js';
import { isUnconfirmed, outcomeUnknown } from './retry.js';
import type { Resolved } from './waiting.js';

export interface Parking {
  /** Parks the requests of a new batch that name a busy account, and returns the others. */
  divert(batch: readonly Resolved[]): readonly Resolved[];
  park(waiting: Resolved): void;
  /** Takes in which accounts a batch found busy; its others are free. */
  learn(candidates: readonly Candidate[], busy: readonly AccountId[]): void;
  /** The number of requests that are parked, those under trial included. */
  count(): number;
}

export interface ParkingDependencies {
  readonly capacity: Pick<EngineCapacity, 'accountBusyTimeoutMs'>;
  /** Tries requests again without waiting for locks; those still busy come back through `park`. */
  readonly retry: (ledger: number, batch: readonly Resolved[]) => Promise<void>;
}

const RETRY_MS = 20;

/**
 * Holds requests that wait for accounts that another database transaction keeps locked. They are retried every few
 * milliseconds, oldest first, and refused when their time is over.
 */
export function createParking({ capacity, retry }: ParkingDependencies): Parking {
  const busyAccounts = new Set<AccountId>();
  /** When each parked request came, counted, and until when it may wait. */
  const stays = new Map<Resolved['settle'], { readonly arrival: number; readonly untilMs: number }>();
  let arrivals = 0;
  let parked: Resolved[] = [];
  /** Parked requests per ordered call, those under trial included. */
  const heldSequences = new Map<object, number>();
  let isRetryScheduled = false;

  function divert(batch: readonly Resolved[]): readonly Resolved[] {
    if (busyAccounts.size === 0 && heldSequences.size === 0) return batch;
    return batch.filter((waiting) => {
      const { candidate } = waiting;
      const isHeld = candidate.sequence !== null && heldSequences.has(candidate.sequence);
      if (!isHeld && !touches(candidate, busyAccounts)) return true;
      park(waiting);
      return false;
    });
  }

  function park(waiting: Resolved): void {
    if (!stays.has(waiting.settle)) {
      arrivals += 1;
      stays.set(waiting.settle, { arrival: arrivals, untilMs: performance.now() + capacity.accountBusyTimeoutMs });
      countSequence(waiting, 1);
    }
    parked.push(waiting);
    scheduleRetry();
  }

  function countSequence({ candidate: { sequence } }: Resolved, change: number): void {
    if (sequence === null) return;
    const count = (heldSequences.get(sequence) ?? 0) + change;
    if (count === 0) heldSequences.delete(sequence);
    else heldSequences.set(sequence, count);
  }

  function leave(waiting: Resolved): void {
    stays.delete(waiting.settle);
    countSequence(waiting, -1);
  }

  function learn(candidates: readonly Candidate[], busy: readonly AccountId[]): void {
    if (busyAccounts.size > 0) {
      for (const account of accountsOf(candidates)) busyAccounts.delete(account);
    }
    for (const account of busy) busyAccounts.add(account);
  }

  function scheduleRetry(): void {
    if (isRetryScheduled) return;
    isRetryScheduled = true;
    setTimeout(async () => {
      await retryAll();
      isRetryScheduled = false;
      if (parked.length > 0) scheduleRetry();
    }, RETRY_MS);
  }

  async function retryAll(): Promise<void> {
    // Requests that arrived during the last attempt stand before those that it could not post.
    const trial = parked.sort((one, other) => arrivalOf(one) - arrivalOf(other));
    parked = [];
    for (const waiting of trial) {
      if (isExpired(waiting) && !isOnlyHeld(waiting)) {
        leave(waiting);
        waiting.settle(
          isUnconfirmed(waiting.candidate, waiting.unconfirmed)
            ? outcomeUnknown(waiting.candidate)
            : accountBusy(capacity.accountBusyTimeoutMs),
        );
      }
    }
    const remaining = trial.filter((waiting) => stays.has(waiting.settle));
    for (const ledger of new Set(remaining.map(({ posting }) => posting.ledger))) {
      await retryLedger(
        ledger,
        remaining.filter(({ posting }) => posting.ledger === ledger),
      );
    }
  }

  /** One batch, however large: requests of one ordered call must not be split. */
  async function retryLedger(ledger: number, batch: readonly Resolved[]): Promise<void> {
    await retry(ledger, batch);
    const stillParked = new Set(parked.map(({ settle }) => settle));
    for (const waiting of batch) if (!stillParked.has(waiting.settle)) leave(waiting);
  }

  function isExpired({ settle }: Resolved): boolean {
    return performance.now() >= (stays.get(settle)?.untilMs ?? 0);
  }

  /** Behind a busy request of its ordered call, and not busy itself as far as anybody knows: it is tried once more. */
  function isOnlyHeld({ candidate }: Resolved): boolean {
    return candidate.sequence !== null && !touches(candidate, busyAccounts);
  }

  function arrivalOf({ settle }: Resolved): number {
    return stays.get(settle)?.arrival ?? 0;
  }

  return { divert, park, learn, count: () => stays.size };
}

function accountBusy(waitedMs: number): LedgerError {
  return new LedgerError(
    'account_busy',
    `another database transaction kept an account locked for ${waitedMs} ms: try again`,
    { waitedMs },
  );
}
