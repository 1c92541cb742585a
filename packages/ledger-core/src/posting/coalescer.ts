import { setImmediate as nextRound } from 'node:timers/promises';
import type { Outcome } from '../domain/decision/decide.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import { endPost } from '../tracing.js';
import { type ReportBatch, toBatchReport } from './batch-report.js';
import { endBatch, startBatch } from './batch-spans.js';
import type { EngineCapacity } from './capacity.js';
import { createLaneLeases, type LaneLease } from './lane-leases.js';
import { createParking } from './parking.js';
import { BUSY } from './post-batch.js';
import type { BatchInput } from './posting-pipeline.js';
import { type RetriedResult, reasonOf } from './retry.js';
import type { LookUp, Posting, Resolved, Waiting } from './waiting.js';

export interface CoalescerDependencies {
  readonly capacity: EngineCapacity;
  readonly resolve: (ledger: number, postings: readonly Posting[]) => Promise<LookUp>;
  readonly run: (lease: LaneLease, input: BatchInput) => Promise<RetriedResult>;
  /** Called once for each batch. */
  readonly report?: ReportBatch | undefined;
}

export interface Coalescer {
  /** Resolves with refusals (also `overloaded` and `ledger_closed`) and faults, because each request has its own outcome. */
  submit(posting: Posting): Promise<Outcome | Error>;
  /** The same for several, one outcome each. */
  submitAll(postings: readonly Posting[]): Promise<readonly (Outcome | Error)[]>;
  /** Resolves when everything that was accepted is answered; nothing is accepted from then on. */
  drain(): Promise<void>;
  counts(): WaitingCounts;
}

/** Requests that have no outcome yet. */
export interface WaitingCounts {
  /** All of them: waiting in the queue, in a batch, or parked. */
  readonly accepted: number;
  readonly queued: number;
  readonly parked: number;
}

/**
 * Group commit: requests that arrive while the lanes are busy share the next database transaction. A
 * batch holds requests of one ledger, and ledgers take turns. Requests for an account that somebody
 * else keeps locked are parked, so that the others continue.
 */
export function createCoalescer({ capacity, resolve, run, report }: CoalescerDependencies): Coalescer {
  const queues = new Map<number, Waiting[]>();
  /** Ordered calls that are longer than a batch, while a part of them is under way. */
  const splitSequences = new Set<object>();
  const leases = createLaneLeases(capacity.lanes, () => {
    if (queues.size > 0) schedulePump();
  });
  const parking = createParking({
    capacity,
    retry: async (ledger, batch) => withLane(await leases.takeNext(), (lease) => tryParked(lease, ledger, batch)),
  });
  /** The present round of the event loop, so that requests that arrive together need one look at the clock. */
  let roundMs = 0;
  let accepted = 0;
  let isPumpScheduled = false;
  let isDraining = false;
  let onEmpty: (() => void) | undefined;

  function submit(posting: Posting): Promise<Outcome | Error> {
    if (isDraining) return refuse(posting, new LedgerError('ledger_closed', 'this ledger was closed'));
    if (accepted >= capacity.queueMax) return refuse(posting, overloaded(capacity.queueMax));
    accepted += 1;
    return new Promise((answer) => {
      schedulePump();
      enqueue({
        posting,
        queuedAtMs: roundMs,
        settle(outcome) {
          accepted -= 1;
          endPost(posting, outcome);
          answer(outcome);
          if (accepted === 0) onEmpty?.();
        },
      });
    });
  }

  async function submitAll(postings: readonly Posting[]): Promise<readonly (Outcome | Error)[]> {
    const [first] = postings;
    // Most calls post one transfer, and are spared what it costs to wait for many.
    if (first !== undefined && postings.length === 1) return [await submit(first)];
    return Promise.all(postings.map(submit));
  }

  function enqueue(waiting: Waiting): void {
    const { ledger } = waiting.posting;
    const queue = queues.get(ledger);
    if (queue === undefined) queues.set(ledger, [waiting]);
    else queue.push(waiting);
  }

  function schedulePump(): void {
    if (isPumpScheduled) return;
    isPumpScheduled = true;
    if (report !== undefined) roundMs = performance.now();
    // After the present round of input, so that all that arrived in it travels together.
    setImmediate(() => {
      isPumpScheduled = false;
      pump();
    });
  }

  function pump(): void {
    for (const [ledger, queue] of queues) {
      const next = queue[0]?.posting.sequence;
      if (next && splitSequences.has(next)) continue;
      // Ledgers cannot travel together, so none of them gains by waiting.
      const lease = leases.takeFree(queues.size > 1 || paysBehind(queue, accepted, capacity.batchSizeMax));
      if (lease === undefined) return;
      queues.delete(ledger);
      const batch = queue.splice(0, batchLength(queue, accepted, capacity.batchSizeMax));
      // The rest goes to the end of the queue: other ledgers come first.
      if (queue.length > 0) queues.set(ledger, queue);
      void takeInSequence(lease, ledger, batch, queue[0]);
    }
  }

  /** While the rest of an ordered call waits for its first part, the queue after it waits too. */
  async function takeInSequence(
    lease: LaneLease,
    ledger: number,
    batch: readonly Waiting[],
    next: Waiting | undefined,
  ): Promise<void> {
    const sequence = batch.at(-1)?.posting.sequence;
    const isSplit = sequence && next?.posting.sequence === sequence;
    if (isSplit) splitSequences.add(sequence);
    await withLane(lease, () => takeUp(lease, ledger, batch));
    if (isSplit) splitSequences.delete(sequence);
  }

  async function withLane(lease: LaneLease, work: (lease: LaneLease) => Promise<void>): Promise<void> {
    try {
      await work(lease);
    } finally {
      lease.end();
    }
  }

  async function takeUp(lease: LaneLease, ledger: number, batch: readonly Waiting[]): Promise<void> {
    const oldest = batch[0];
    const queuedMs = report === undefined || oldest === undefined ? null : performance.now() - oldest.queuedAtMs;
    let resolved: readonly Resolved[];
    try {
      const lookUp = await resolve(
        ledger,
        batch.map(({ posting }) => posting),
      );
      resolved = batch.map(({ posting, settle, queuedAtMs }) => ({
        posting,
        settle,
        queuedAtMs,
        candidate: posting.toCandidate(lookUp),
        unconfirmed: NOTHING,
      }));
    } catch (error) {
      for (const waiting of batch) waiting.settle(error as Error);
      report?.(toBatchReport({ batch, queuedMs, parked: 0, result: { failedRuns: [reasonOf(error)], times: null } }));
      return;
    }
    const diverted = parking.divert(resolved);
    const { busy, result } = await post(lease, ledger, diverted, false);
    report?.(toBatchReport({ batch, queuedMs, parked: batch.length - diverted.length + busy, result }));
  }

  async function tryParked(lease: LaneLease, ledger: number, batch: readonly Resolved[]): Promise<void> {
    const { result } = await post(lease, ledger, batch, true);
    report?.(toBatchReport({ batch, queuedMs: null, parked: 0, result }));
  }

  async function post(
    lease: LaneLease,
    ledger: number,
    batch: readonly Resolved[],
    onlyFree: boolean,
  ): Promise<Posted> {
    if (batch.length === 0) return NONE_POSTED;
    let busy = 0;
    const candidates = batch.map(({ candidate }) => candidate);
    const span = startBatch(batch);
    try {
      const unconfirmed = new Set<TransferId>();
      for (const waiting of batch) for (const id of waiting.unconfirmed) unconfirmed.add(id);
      const result = await run(lease, { ledger, candidates, expiries: [], onlyFree, unconfirmed, span });
      endBatch(span, result);
      parking.learn(candidates, result.busyAccounts);
      for (const [index, waiting] of batch.entries()) {
        if (index > 0 && index % ANSWERED_AT_ONCE === 0) await nextRound();
        const outcome = result.outcomes[index];
        if (outcome === BUSY) {
          busy += 1;
          parking.park({ ...waiting, unconfirmed: result.unconfirmed });
        } else waiting.settle(outcome as Outcome | Error);
      }
      return { busy, result };
    } catch (error) {
      endBatch(span, error as Error);
      for (const waiting of batch) waiting.settle(error as Error);
      return NONE_POSTED;
    }
  }

  function drain(): Promise<void> {
    isDraining = true;
    if (accepted === 0) return Promise.resolve();
    return new Promise((empty) => {
      onEmpty = empty;
    });
  }

  function counts(): WaitingCounts {
    let queued = 0;
    for (const queue of queues.values()) queued += queue.length;
    return { accepted, queued, parked: parking.count() };
  }

  return { submit, submitAll, drain, counts };
}

interface Posted {
  /** Requests that found an account locked. */
  readonly busy: number;
  /** Undefined without a run, and after a fault in it. */
  readonly result: RetriedResult | undefined;
}

const NONE_POSTED: Posted = { busy: 0, result: undefined };

function refuse(posting: Posting, refusal: LedgerError): Promise<LedgerError> {
  endPost(posting, refusal);
  return Promise.resolve(refusal);
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
 * The number of requests at the front of the queue that make the next batch; each leg of a linked group counts. With many
 * requests it is half of those accepted, so that Node prepares one half while PostgreSQL works on the other.
 */
function batchLength(queue: readonly Waiting[], accepted: number, legsMax: number): number {
  const half = accepted < 2 * PIPELINED_MIN ? accepted : Math.ceil(accepted / 2);
  let legs = 0;
  const end = queue.findIndex(({ posting }, index) => {
    legs += posting.legCount;
    if (index === 0) return false;
    return legs > legsMax || (index >= half && !isSameSequence(posting, queue[index - 1]));
  });
  return end === -1 ? queue.length : end;
}

function isSameSequence({ sequence }: Posting, before: Waiting | undefined): boolean {
  return sequence !== null && sequence === before?.posting.sequence;
}

function overloaded(queueMax: number): LedgerError {
  return new LedgerError('overloaded', `${queueMax} requests are waiting already: try again later`, { queueMax });
}
