import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerEvent } from '@micropay/ledger-core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { builtProgram } from '../../../../scripts/built-program.js';
import { times } from '../support/counts.js';
import { sequenceFaults } from '../support/recording-publisher.js';
import { openWallets, useTestBed } from '../support/test-bed.js';

const script = new URL('../support/relay-process.ts', import.meta.url);
const KILLS = times(40);

const bed = useTestBed();
let folder: string;
let file: string;
let processes: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'micropay-relay-test-'));
  file = join(folder, 'delivered');
  processes = [];
});
afterEach(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function startRelay(): ChildProcess {
  const child = spawn(process.execPath, [...builtProgram(script), bed.url, 'file', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  processes.push(child);
  return child;
}

type Delivered = LedgerEvent & { readonly pid: number };

function delivered(): readonly Delivered[] {
  try {
    // A killed process may leave half a line; the next one writes behind it, so what does not parse is dropped alone.
    return readFileSync(file, 'utf8').split('\n').flatMap(toEvent);
  } catch {
    return [];
  }
}

function toEvent(line: string): Delivered[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

function first(events: readonly Delivered[]): readonly Delivered[] {
  return [...new Map(events.toReversed().map((event) => [event.id, event])).values()].toReversed();
}

it('delivers every event in order while the process that leads is killed again and again', async () => {
  const ledger = bed.ledger();
  await openWallets(ledger, { a: 0n, b: 0n });
  let posting = true;
  let posted = 0;
  const load = (async () => {
    while (posting) {
      const to = posted % 2 === 0 ? 'a' : 'b';
      await Promise.all(
        [1n, 2n, 3n].map((amount) => ledger.transfers.post({ from: 'world', to, amount, currency: 'USD' })),
      );
      posted += 3;
      await delay(5);
    }
  })();

  startRelay();
  startRelay();
  const leaders = new Set<number>();
  while (leaders.size < KILLS) {
    const seen = delivered().length;
    await expect.poll(() => delivered().length, { timeout: 30_000 }).toBeGreaterThan(seen);
    const leader = delivered().at(-1)?.pid as number;
    if (leaders.has(leader)) continue;
    leaders.add(leader);
    process.kill(leader, 'SIGKILL');
    // The one that waits takes over; this one waits for its turn.
    startRelay();
  }
  posting = false;
  await load;

  const total = 3 + posted * 3;
  await expect.poll(() => first(delivered()).length, { timeout: 30_000 }).toBe(total);
  expect(sequenceFaults(first(delivered()))).toEqual([]);
}, 300_000);
