import { setImmediate as turn } from 'node:timers/promises';
import type { Ledger, LedgerEvent } from '@micropay/ledger-core';
import { expect, it } from 'vitest';
import { createEventStream } from './event-stream.js';
import { wholeRow } from './stream-mark.js';
import { createTextBuffer } from './text-buffer.js';

const BATCHES = 20;

/** So many batches that nobody but operators may see, and then nothing more. */
async function* batches(signal: AbortSignal): AsyncGenerator<readonly LedgerEvent[]> {
  for (let position = 1n; position <= BATCHES; position += 1n) {
    const event = {
      id: `${position}`,
      type: 'user.created.v1',
      position,
      time: new Date(),
      data: { userId: 'somebody' },
    };
    yield [event as unknown as LedgerEvent];
  }
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

it('keeps nothing of the pages that it has read', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const ending = new AbortController();
  const { signal } = ending;
  let isDone = () => {};
  const done = new Promise<void>((resolve) => {
    isDone = resolve;
  });
  const stream = createEventStream({
    ledger: { events: { subscribe: async () => batches(signal) } } as unknown as Ledger,
    fanOut: { position: BigInt(BATCHES), join: isDone, leave: () => undefined },
    viewer: 'operator',
    start: wholeRow(0n),
    buffer: createTextBuffer(1_000_000),
    signal,
    limitCatchUps: (work) => work(),
  });
  const running = stream.run();
  await done;
  // Node warns of the eleventh listener of a signal, in a turn of its own.
  await turn();
  ending.abort();
  await running;
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});
