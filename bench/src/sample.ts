import type { Book } from './book.js';
import { median } from './latencies.js';
import type { Load } from './load.js';
import { cpuOfPostgres, cpuOfProcess, memoryOf } from './process-usage.js';

const WARM_UP_MS = 1_000;

/** Figures of one measurement; null if the system does not report it. */
export interface Sample {
  readonly transfersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly nodeCpuUs: number | null;
  readonly postgresCpuUs: number | null;
  readonly bytesPerTransfer: number;
  /** Of PostgreSQL and Node together, under load. */
  readonly memoryMb: number | null;
}

/** Measures a load: warm-up, window, and while it still works its memory. */
export async function takeSample(
  book: Book,
  { start, nodePid, windowMs }: { start: () => Load | Promise<Load>; nodePid: number; windowMs: number },
): Promise<Sample> {
  const load = await start();
  await load.measure(WARM_UP_MS);
  const before = { node: cpuOfProcess(nodePid), postgres: cpuOfPostgres(book.postgresPid) };
  const { transfers, ...window } = await load.measure(windowMs);
  const after = { node: cpuOfProcess(nodePid), postgres: cpuOfPostgres(book.postgresPid) };
  const memoryMb = memoryOf([nodePid], book.postgresPid);
  await load.stop();
  const perTransfer = (from: number | null, to: number | null) =>
    from === null || to === null ? null : (to - from) / transfers;
  return {
    ...window,
    nodeCpuUs: perTransfer(before.node, after.node),
    postgresCpuUs: perTransfer(before.postgres, after.postgres),
    bytesPerTransfer: await book.bytesPerTransfer(),
    memoryMb,
  };
}

/** The median of each figure; of memory the most. */
export function medianSample(samples: readonly Sample[]): Sample {
  const middle = (figure: (sample: Sample) => number) => median(samples.map(figure));
  const known = (figure: (sample: Sample) => number | null) => samples.map(figure).filter((value) => value !== null);
  const middleKnown = (figure: (sample: Sample) => number | null) => {
    const values = known(figure);
    return values.length === 0 ? null : median(values);
  };
  const memory = known((sample) => sample.memoryMb);
  return {
    transfersPerSecond: middle((sample) => sample.transfersPerSecond),
    p50Ms: middle((sample) => sample.p50Ms),
    p99Ms: middle((sample) => sample.p99Ms),
    nodeCpuUs: middleKnown((sample) => sample.nodeCpuUs),
    postgresCpuUs: middleKnown((sample) => sample.postgresCpuUs),
    bytesPerTransfer: middle((sample) => sample.bytesPerTransfer),
    memoryMb: memory.length === 0 ? null : Math.max(...memory),
  };
}
