// Sends requests from a separate process, so that its own cost is not counted as the server's. Its parent sends it
// messages, and it replies with messages.
import type { Order, Reply } from './http-load.js';
import { summarize } from './latencies.js';
import { pause } from './load.js';
import { openConnection } from './raw-http.js';
import { createRequests } from './raw-requests.js';

let latenciesMs: number[] = [];
let stopped = false;
let transfersPerCall = 1;
let working: Promise<unknown> = Promise.resolve();

function start(order: Extract<Order, { kind: 'start' }>): void {
  const { host, port, payers, payees, batchSize } = order;
  transfersPerCall = batchSize;
  const expected = batchSize === 1 ? 201 : 200;
  working = Promise.all(
    payers.map(async (payer) => {
      const connection = await openConnection({ host, port });
      const nextRequest = createRequests({ host: `${host}:${port}`, payer, payees, batchSize });
      while (!stopped) {
        const request = nextRequest();
        const startedAt = performance.now();
        const { status, body } = await connection.send(request);
        latenciesMs.push(performance.now() - startedAt);
        if (status !== expected || body.includes('"ok":false')) {
          throw new Error(`the server answered ${status}: ${body.toString('utf8', 0, 500)}`);
        }
      }
      connection.close();
    }),
  );
  working.catch((error: Error) => reply({ kind: 'failed', message: error.message }));
}

async function measure(durationMs: number): Promise<void> {
  latenciesMs = [];
  const startedAt = performance.now();
  await pause(durationMs);
  reply({ kind: 'measured', window: summarize(latenciesMs, performance.now() - startedAt, transfersPerCall) });
}

async function stop(): Promise<void> {
  stopped = true;
  await working;
  reply({ kind: 'stopped' });
  process.disconnect();
}

function reply(message: Reply): void {
  process.send?.(message);
}

process.on('message', (order: Order) => {
  if (order.kind === 'start') start(order);
  else if (order.kind === 'measure') void measure(order.durationMs);
  else void stop();
});
process.once('disconnect', () => process.exit());
