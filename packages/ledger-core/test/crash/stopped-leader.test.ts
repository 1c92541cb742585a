import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerEvent } from '@micropay/ledger-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { builtProgram } from '../../../../scripts/built-program.js';
import { sequenceFaults } from '../support/recording-publisher.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

// A process that is stopped keeps its connection, and with it the lead, until somebody takes it away.

const script = new URL('../support/relay-process.ts', import.meta.url);
const TAKE_OVER = { timeout: 90_000, interval: 250 };

const bed = useTestBed();
const processes: ChildProcess[] = [];
let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'micropay-relay-test-'));
  file = join(folder, 'delivered');
});
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function startRelay(): void {
  const program = builtProgram(script);
  processes.push(
    spawn(process.execPath, [...program, bed.url, 'file', file], { stdio: ['ignore', 'inherit', 'inherit'] }),
  );
}

type Delivered = LedgerEvent & { readonly pid: number };

function delivered(): readonly Delivered[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'));
  return lines.map((line) => JSON.parse(line));
}

/** Each event once, where it first came. */
function first(): readonly Delivered[] {
  const seen = new Set<string>();
  return delivered().filter(({ id }) => !seen.has(id) && seen.add(id));
}

it('a relay takes the lead from one that is stopped, and every event is delivered in order, also when that goes on', async () => {
  const ledger = bed.ledger();
  await openWallets(ledger, { a: 0n });
  const opened = 2;
  let payments = 0;
  const payAndWait = async (poll: { readonly timeout: number }) => {
    await ledger.transfers.post({ from: 'world', to: 'a', amount: 1n, currency: 'USD' });
    payments += 1;
    await expect.poll(() => first().length, poll).toBe(opened + 3 * payments);
    return delivered().at(-1)?.pid as number;
  };
  startRelay();
  const stopped = await payAndWait(TAKE_OVER);
  startRelay();
  process.kill(stopped, 'SIGSTOP');
  const next = await payAndWait(TAKE_OVER);
  expect(next).not.toBe(stopped);
  process.kill(stopped, 'SIGCONT');
  for (let more = 0; more < 20; more += 1) expect(await payAndWait(TAKE_OVER)).toBe(next);
  expect(sequenceFaults(first())).toEqual([]);
}, 240_000);
