import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { fromClient } from '../../src/postgres/connect.js';
import { tryToLead } from '../../src/postgres/event-sinks.js';
import { createStore } from '../../src/postgres/store.js';
import { leading } from '../../src/workers/lead.js';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const store = createStore('micropay');
let ending = new AbortController();
let sinks = 0;
const POLL = { timeout: 15_000 };

afterEach(() => {
  ending.abort();
  ending = new AbortController();
});

interface Candidate {
  isLed(): boolean;
  readonly errors: unknown[];
  readonly done: Promise<void>;
}

function lead(sink: string, times: { readonly silentMaxMs: number; readonly beatMs: number }): Candidate {
  const { signal } = ending;
  const errors: unknown[] = [];
  let isLed = false;
  const pause = (ms: number) => delay(ms, undefined, { signal }).catch(() => undefined);
  const done = leading(
    { database: bed.url, store, sink, signal, pause, onError: (error) => errors.push(error), ...times },
    async () => {
      isLed = true;
      await pause(600_000);
    },
  );
  return { isLed: () => isLed, errors, done };
}

const nextSink = () => {
  sinks += 1;
  return `sink-${sinks}`;
};

it('the session of a leader that gives no sign of life is ended, and who waits leads', async () => {
  const sink = nextSink();
  // Like a process that is stopped: connected, and silent.
  const stopped = new pg.Client({ connectionString: bed.url });
  const broken: unknown[] = [];
  stopped.on('error', (error) => broken.push(error));
  await stopped.connect();
  expect(await tryToLead({ ...store, sql: fromClient(stopped) }, sink)).toBe(true);

  const startedAtMs = performance.now();
  const waiting = lead(sink, { silentMaxMs: 1_000, beatMs: 100 });
  await expect.poll(waiting.isLed, POLL).toBe(true);
  expect(performance.now() - startedAtMs).toBeGreaterThan(1_000);
  expect(waiting.errors.map(String)).toEqual([
    `Error: the leader of sink ${sink} sent nothing for 1000 ms, and its session was ended`,
  ]);
  await expect.poll(() => broken.length).toBeGreaterThan(0);
  await expect(stopped.query('select')).rejects.toThrow();
  ending.abort();
  await waiting.done;
});

it('a leader that works for long without a statement of its own keeps the lead', async () => {
  const sink = nextSink();
  const leader = lead(sink, { silentMaxMs: 60_000, beatMs: 100 });
  await expect.poll(leader.isLed, POLL).toBe(true);
  const waiting = lead(sink, { silentMaxMs: 5_000, beatMs: 100 });
  await delay(8_000);
  expect(waiting.isLed()).toBe(false);
  expect([...leader.errors, ...waiting.errors]).toEqual([]);
  ending.abort();
  await Promise.all([leader.done, waiting.done]);
});

it('a leader in the middle of a statement is not silent', async () => {
  const sink = nextSink();
  const busy = await bed.connect();
  expect(await tryToLead({ ...store, sql: fromClient(busy) }, sink)).toBe(true);
  const sleeping = busy.query('select pg_sleep(4)');
  const waiting = lead(sink, { silentMaxMs: 1_000, beatMs: 100 });
  await sleeping;
  expect(waiting.isLed()).toBe(false);
  await expect.poll(waiting.isLed, POLL).toBe(true);
  ending.abort();
  await waiting.done;
});
