import type { BatchReport } from '@micropay/ledger-core';
import { Counter, Histogram, type Registry } from 'prom-client';

const MS_PER_S = 1_000;
/** Upper bounds in seconds: a wait is a batch's time or less while all is well, and seconds when an account is kept locked. */
const BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_SIZES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

/** Registers what the engine does with batches, and returns the function that counts one. */
export function createBatchMetrics(registry: Registry): (report: BatchReport) => void {
  const registers = [registry];
  const seconds = (name: string, help: string) => new Histogram({ name, help, buckets: BUCKETS_S, registers });
  const queueWait = seconds(
    'micropay_engine_queue_wait_seconds',
    'Time that the oldest request of each batch waited in the queue.',
  );
  const lock = seconds(
    'micropay_engine_lock_seconds',
    'Time that each batch took to lock its balances, waits for other transactions included.',
  );
  const transaction = seconds(
    'micropay_engine_transaction_seconds',
    'Time of the database transaction of each batch, from the response to begin to that to commit.',
  );
  const size = new Histogram({
    name: 'micropay_engine_batch_transfers',
    help: 'Transfers that were requested in each batch.',
    buckets: BATCH_SIZES,
    registers,
  });
  const failedRuns = new Counter({
    name: 'micropay_engine_failed_runs_total',
    help: 'Runs of batches that failed, by SQLSTATE or a word; most are tried again.',
    labelNames: ['reason'],
    registers,
  });
  const parked = new Counter({
    name: 'micropay_engine_parked_requests_total',
    help: 'Requests that had to wait for an account that another transaction kept locked.',
    registers,
  });
  return (report) => {
    const { transfers, queuedMs, lockMs, transactionMs } = report;
    // A trial of parked requests is no batch of its own: they have been counted.
    if (queuedMs !== null) {
      queueWait.observe(queuedMs / MS_PER_S);
      size.observe(transfers);
    }
    if (lockMs !== null) lock.observe(lockMs / MS_PER_S);
    if (transactionMs !== null) transaction.observe(transactionMs / MS_PER_S);
    for (const reason of report.failedRuns) failedRuns.inc({ reason });
    if (report.parked > 0) parked.inc(report.parked);
  };
}
