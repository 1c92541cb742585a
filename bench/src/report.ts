import type { Row } from './rows.js';
import type { Sample } from './sample.js';

/** A row with its figures; the keys are those of the JSON. */
export interface Result extends Sample {
  readonly name: Row['name'];
  readonly callers: number;
  readonly hot: boolean;
  readonly naivePerSecond: number;
  /** The rate divided by that of the naive transactions. */
  readonly ratio: number;
}

export function toResult({ name, callers, hot }: Row, sample: Sample, naive: Sample): Result {
  const ratio = sample.transfersPerSecond / naive.transfersPerSecond;
  return { name, callers, hot, ...sample, naivePerSecond: naive.transfersPerSecond, ratio };
}

/** One line of JSON, with the digits that mean something. */
export function toJson(result: Result): string {
  const { name, callers, hot, transfersPerSecond, bytesPerTransfer, naivePerSecond, ...figures } = result;
  return JSON.stringify({
    name,
    callers,
    hot,
    transfersPerSecond: Math.round(transfersPerSecond),
    p50Ms: hundredths(figures.p50Ms),
    p99Ms: hundredths(figures.p99Ms),
    nodeCpuUs: hundredths(figures.nodeCpuUs),
    postgresCpuUs: hundredths(figures.postgresCpuUs),
    bytesPerTransfer: Math.round(bytesPerTransfer),
    memoryMb: hundredths(figures.memoryMb),
    naivePerSecond: Math.round(naivePerSecond),
    ratio: hundredths(figures.ratio),
  });
}

function hundredths(value: number | null): number | null {
  return value === null ? null : Math.round(value * 100) / 100;
}

const COLUMNS: readonly (readonly [heading: string, width: number, cell: (result: Result) => string])[] = [
  ['load', -12, ({ name, hot }) => (hot ? `${name}, hot` : name)],
  ['callers', 8, ({ callers }) => whole(callers)],
  ['transfers/s', 12, ({ transfersPerSecond }) => whole(transfersPerSecond)],
  ['p50 ms', 8, ({ p50Ms }) => p50Ms.toFixed(1)],
  ['p99 ms', 8, ({ p99Ms }) => p99Ms.toFixed(1)],
  ['Node µs', 8, ({ nodeCpuUs }) => decimal(nodeCpuUs)],
  ['PG µs', 8, ({ postgresCpuUs }) => decimal(postgresCpuUs)],
  ['bytes', 7, ({ bytesPerTransfer }) => whole(bytesPerTransfer)],
  ['MB', 6, ({ memoryMb }) => (memoryMb === null ? '?' : whole(memoryMb))],
  ['naive/s', 9, ({ naivePerSecond }) => whole(naivePerSecond)],
  ['ratio', 7, ({ ratio }) => ratio.toFixed(1)],
];

export const TABLE_HEAD = COLUMNS.map(([heading, width]) => pad(heading, width)).join('');

export function toTableLine(result: Result): string {
  return COLUMNS.map(([, width, cell]) => pad(cell(result), width)).join('');
}

/** Compares rows with one another; empty when the rows that it needs were not measured. */
export function toRemarks(results: readonly Result[]): readonly string[] {
  const single = results.find(({ name, callers, hot }) => name === 'engine' && callers === 64 && !hot);
  const http = results.find(({ name }) => name === 'http');
  const memory = results.map(({ memoryMb }) => memoryMb).filter((megabytes) => megabytes !== null);
  return [
    ...(single === undefined || http === undefined
      ? []
      : [
          `http reaches ${(http.transfersPerSecond / single.transfersPerSecond).toFixed(2)} of the engine's rate at 64 callers`,
        ]),
    ...(memory.length === 0
      ? []
      : [`at most ${whole(Math.max(...memory))} MB of memory, PostgreSQL and Node together`]),
  ];
}

function pad(text: string, width: number): string {
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function decimal(value: number | null): string {
  return value === null ? '?' : value.toFixed(1);
}
