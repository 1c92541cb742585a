import { setImmediate as nextRound } from 'node:timers/promises';
import type { Outcome } from '../domain/decide.js';
import type { TransferId } from '../domain/transfer.js';
import { LedgerError } from '../errors.js';
import type { EngineLimits } from './limits.js';
import { createParking } from './parking.js';
import { BUSY } from './post-batch.js';
import type { RetriedResult } from './retry.js';
import type { BatchInput } from './road.js';
import { createTurns, type Turn } from './turns.js';
import type { LookUp, Resolved, Submission, Waiting } from './waiting.js';

export interface CoalescerDependencies {
  readonly limits: EngineLimits;
  readonly resolve: (ledger: number, submissions: readonly Submission[]) => Promise<LookUp>;
  readonly run: (turn: Turn, input: BatchInput) => Promise<RetriedResult>;
}

export interface Coalescer {
  /** Resolves with refusals (also `overloaded` and `ledger_closed`) and faults, because each request has its own outcome. */
  submit(submission: Submission): Promise<Outcome | Error>;
  /** The same for several, one outcome each. */
  submitAll(submissions: readonly Submission[]): Promise<readonly (Outcome | Error)[]>;
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
  const turns = createTurns(limits.lanes, () => {
    if (queues.size > 0) schedulePump();
  });
  const parking = createParking({
    limits,
    retry: async (ledger, batch) => inTurn(await turns.takeNext(), (turn) => post(turn, ledger, batch, true)),
  });
  let accepted = 0;
  let isPumpScheduled = false;
  let isDraining = false;
  let onEmpty: (() => void) | undefined;

  function submit(submission: Submission): Promise<Outcome | Error> {
    if (isDraining) return Promise.resolve(new LedgerError('ledger_closed', 'this ledger was closed'));
    if (accepted >= limits.queueMax) return Promise.resolve(overloaded(limits.queueMax));
    accepted += 1;
    return new Promise((answer) => {
      const settle = (outcome: Outcome | Error) => {
        accepted -= 1;
        answer(outcome);
        if (accepted === 0) onEmpty?.();
      };
      enqueue({ submission, settle });
    });
  }

  async function submitAll(submissions: readonly Submission[]): Promise<readonly (Outcome | Error)[]> {
    const [first] = submissions;
    // Most calls post one transfer, and are spared what it costs to wait for many.
    if (first !== undefined && submissions.length === 1) return [await submit(first)];
    return Promise.all(submissions.map(submit));
  }

  function enqueue(waiting: Waiting): void {
    const { ledger } = waiting.submission;
    const queue = queues.get(ledger);
    if (queue === undefined) queues.set(ledger, [waiting]);
    else queue.push(waiting);
    schedulePump();
  }

  function schedulePump(): void {
    if (isPumpScheduled) return;
    isPumpScheduled = true;
    // After the present round of input, so that all that arrived in it travels together.
    setImmediate(() => {
      isPumpScheduled = false;
      pump();
    });
  }

  function pump(): void {
    for (const [ledger, queue] of queues) {
      const next = queue[0]?.submission.order;
      if (next && tornOrders.has(next)) continue;
      // Ledgers cannot travel together, so none of them gains by waiting.
      const turn = turns.takeFree(queues.size > 1 || paysBehind(queue, accepted, limits.batchSizeMax));
      if (turn === undefined) return;
      queues.delete(ledger);
      const batch = queue.splice(0, batchLength(queue, accepted, limits.batchSizeMax));
      // The rest goes to the end of the queue: other ledgers come first.
      if (queue.length > 0) queues.set(ledger, queue);
      void takeInOrder(turn, ledger, batch, queue[0]);
    }
  }

  /** While the rest of an ordered call waits for its first part, the queue after it waits too. */
  async function takeInOrder(
    turn: Turn,
    ledger: number,
    batch: readonly Waiting[],
    next: Waiting | undefined,
  ): Promise<void> {
    const order = batch.at(-1)?.submission.order;
    const isTorn = order && next?.submission.order === order;
    if (isTorn) tornOrders.add(order);
    await inTurn(turn, () => takeUp(turn, ledger, batch));
    if (isTorn) tornOrders.delete(order);
  }

  async function inTurn(turn: Turn, work: (turn: Turn) => Promise<void>): Promise<void> {
    try {
      await work(turn);
    } finally {
      turn.end();
    }
  }

  async function takeUp(turn: Turn, ledger: number, batch: readonly Waiting[]): Promise<void> {
    let resolved: readonly Resolved[];
    try {
      const lookUp = await resolve(
        ledger,
        batch.map(({ submission }) => submission),
      );
      resolved = batch.map(({ submission, settle }) => ({
        submission,
        settle,
        candidate: submission.toCandidate(lookUp),
        unconfirmed: NOTHING,
      }));
    } catch (error) {
      for (const waiting of batch) waiting.settle(error as Error);
      return;
    }
    await post(turn, ledger, parking.divert(resolved), false);
  }

  async function post(turn: Turn, ledger: number, batch: readonly Resolved[], onlyFree: boolean): Promise<void> {
    if (batch.length === 0) return;
    const candidates = batch.map(({ candidate }) => candidate);
    try {
      const unconfirmed = new Set<TransferId>();
      for (const waiting of batch) for (const id of waiting.unconfirmed) unconfirmed.add(id);
      const result = await run(turn, { ledger, candidates, expiries: [], onlyFree, unconfirmed });
      parking.learn(candidates, result.busyAccounts);
      for (const [index, waiting] of batch.entries()) {
        if (index > 0 && index % ANSWERED_AT_ONCE === 0) await nextRound();
        const outcome = result.outcomes[index];
        if (outcome === BUSY) parking.park({ ...waiting, unconfirmed: result.unconfirmed });
        else waiting.settle(outcome as Outcome | Error);
      }
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

  return { submit, submitAll, drain };
}

const NOTHING: ReadonlySet<TransferId> = new Set();

/** Callers that are resolved before connections are read again: PostgreSQL may be waiting for the next batch's decision. */
const ANSWERED_AT_ONCE = 100;

/** The smallest batch worth sending before the responses to the previous one have arrived; fewer requests wait and go together. */
const PIPELINED_MIN = 128;

/** Most of its half: the requests of one answered batch come back one after the other, and are not to travel in pieces. */
const PIPELINED_SHARE = 0.75;

function paysBehind(queue: readonly Waiting[], accepted: number, legsMax: number): boolean {
  const half = Math.min(accepted / 2, legsMax);
  return queue.length >= Math.max(PIPELINED_MIN, PIPELINED_SHARE * half);
}

/**
 * How many requests from the front make the next batch; a linked group counts each of its legs. Of many, half of all that wait
 * or are under way: so Node answers and prepares one half while PostgreSQL works at the other.
 */
function batchLength(queue: readonly Waiting[], accepted: number, legsMax: number): number {
  const half = accepted < 2 * PIPELINED_MIN ? accepted : Math.ceil(accepted / 2);
  let legs = 0;
  const end = queue.findIndex(({ submission }, index) => {
    legs += submission.legCount;
    if (index === 0) return false;
    return legs > legsMax || (index >= half && !isSameOrder(submission, queue[index - 1]));
  });
  return end === -1 ? queue.length : end;
}

function isSameOrder({ order }: Submission, before: Waiting | undefined): boolean {
  return order !== null && order === before?.submission.order;
}

function overloaded(queueMax: number): LedgerError {
  return new LedgerError('overloaded', `${queueMax} requests are waiting already: try again later`, { queueMax });
}
