import type { Outcome } from '../domain/decide.js';
import type { TransferId } from '../domain/transfer.js';
import { LedgerError } from '../errors.js';
import type { EngineLimits } from './limits.js';
import { createParking } from './parking.js';
import { BUSY } from './post-batch.js';
import type { RetriedResult } from './retry.js';
import type { BatchInput } from './road.js';
import type { LookUp, Resolved, Submission, Waiting } from './waiting.js';

export interface CoalescerDependencies {
  readonly limits: EngineLimits;
  readonly resolve: (ledger: number, submissions: readonly Submission[]) => Promise<LookUp>;
  readonly run: (lane: number, input: BatchInput) => Promise<RetriedResult>;
}

export interface Coalescer {
  /** Answers refusals, `overloaded` and `ledger_closed` among them; rejects for faults only. */
  submit(submission: Submission): Promise<Outcome>;
  /** Resolves when everything that was accepted is answered; nothing is accepted from then on. */
  drain(): Promise<void>;
}

/**
 * Group commit: requests that arrive while the lanes are busy share the next database transaction. A
 * batch holds requests of one ledger, and ledgers take turns. Requests for an account that somebody
 * else keeps locked are parked aside, so that the rest goes on.
 */
export function createCoalescer({ limits, resolve, run }: CoalescerDependencies): Coalescer {
  const queues = new Map<number, Waiting[]>();
  /** Ordered calls that are longer than a batch, while a part of them is under way. */
  const tornOrders = new Set<object>();
  const freeLanes = Array.from({ length: limits.lanes }, (_, index) => index);
  const parking = createParking({
    limits,
    retry: (ledger, batch) => onLane((lane) => post(lane, ledger, batch, true)),
  });
  const laneWaiters: ((lane: number) => void)[] = [];
  let accepted = 0;
  let isPumpScheduled = false;
  let isDraining = false;
  let onEmpty: (() => void) | undefined;

  function submit(submission: Submission): Promise<Outcome> {
    if (isDraining) return Promise.resolve(new LedgerError('ledger_closed', 'this ledger was closed'));
    if (accepted >= limits.queueMax) return Promise.resolve(overloaded(limits.queueMax));
    accepted += 1;
    return new Promise((answer, fail) => {
      const settle = (outcome: Outcome | Error) => {
        accepted -= 1;
        if (outcome instanceof Error && !(outcome instanceof LedgerError)) fail(outcome);
        else answer(outcome);
        if (accepted === 0) onEmpty?.();
      };
      enqueue({ submission, settle });
    });
  }

  function enqueue(waiting: Waiting): void {
    const { ledger } = waiting.submission;
    const queue = queues.get(ledger);
    if (queue === undefined) queues.set(ledger, [waiting]);
    else queue.push(waiting);
    schedulePump();
  }

  function schedulePump(): void {
    if (isPumpScheduled || freeLanes.length === 0) return;
    isPumpScheduled = true;
    // After the present round of input, so that all that arrived in it travels together.
    setImmediate(() => {
      isPumpScheduled = false;
      pump();
    });
  }

  function pump(): void {
    for (const [ledger, queue] of queues) {
      if (freeLanes.length === 0) return;
      const next = queue[0]?.submission.order;
      if (next && tornOrders.has(next)) continue;
      queues.delete(ledger);
      const batch = queue.splice(0, batchLength(queue, limits.batchSizeMax));
      // What is left goes to the end of the line: other ledgers come first.
      if (queue.length > 0) queues.set(ledger, queue);
      void takeInOrder(ledger, batch, queue[0]);
    }
  }

  /** While the rest of an ordered call waits for its first part, so does the queue behind it. */
  async function takeInOrder(ledger: number, batch: readonly Waiting[], next: Waiting | undefined): Promise<void> {
    const order = batch.at(-1)?.submission.order;
    const isTorn = order && next?.submission.order === order;
    if (isTorn) tornOrders.add(order);
    await onLane((lane) => takeUp(lane, ledger, batch));
    if (isTorn) tornOrders.delete(order);
  }

  async function onLane(work: (lane: number) => Promise<void>): Promise<void> {
    const lane = freeLanes.pop() ?? (await new Promise<number>((grant) => laneWaiters.push(grant)));
    try {
      await work(lane);
    } finally {
      const next = laneWaiters.shift();
      if (next !== undefined) next(lane);
      else {
        freeLanes.push(lane);
        if (queues.size > 0) schedulePump();
      }
    }
  }

  async function takeUp(lane: number, ledger: number, batch: readonly Waiting[]): Promise<void> {
    let resolved: readonly Resolved[];
    try {
      const lookUp = await resolve(
        ledger,
        batch.map(({ submission }) => submission),
      );
      resolved = batch.map((waiting) => ({
        ...waiting,
        candidate: waiting.submission.toCandidate(lookUp),
        unconfirmed: NOTHING,
      }));
    } catch (error) {
      for (const waiting of batch) waiting.settle(error as Error);
      return;
    }
    await post(lane, ledger, parking.divert(resolved), false);
  }

  async function post(lane: number, ledger: number, batch: readonly Resolved[], onlyFree: boolean): Promise<void> {
    if (batch.length === 0) return;
    const candidates = batch.map(({ candidate }) => candidate);
    try {
      const uncertain = batch.filter((waiting) => waiting.unconfirmed.size > 0);
      const unconfirmed = new Set(uncertain.flatMap((waiting) => [...waiting.unconfirmed]));
      const result = await run(lane, { ledger, candidates, expiries: [], onlyFree, unconfirmed });
      parking.learn(candidates, result.busyAccounts);
      batch.forEach((waiting, index) => {
        const outcome = result.outcomes[index];
        if (outcome === BUSY) parking.park({ ...waiting, unconfirmed: result.unconfirmed });
        else waiting.settle(outcome as Outcome | Error);
      });
    } catch (error) {
      for (const waiting of batch) waiting.settle(error as Error);
    }
  }

  function drain(): Promise<void> {
    isDraining = true;
    if (accepted === 0) return Promise.resolve();
    return new Promise((empty) => {
      onEmpty = empty;
    });
  }

  return { submit, drain };
}

const NOTHING: ReadonlySet<TransferId> = new Set();

/** How many requests from the front fit into one batch; a linked group counts each of its legs. */
function batchLength(queue: readonly Waiting[], legsMax: number): number {
  let legs = 0;
  const end = queue.findIndex(({ submission }, index) => {
    legs += submission.legCount;
    return index > 0 && legs > legsMax;
  });
  return end === -1 ? queue.length : end;
}

function overloaded(queueMax: number): LedgerError {
  return new LedgerError('overloaded', `${queueMax} requests are waiting already: try again later`, { queueMax });
}
