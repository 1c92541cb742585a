import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { sendStream } from './send-stream.js';

const PIECE = new TextEncoder().encode(':\n\n');

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const request = get(`http://127.0.0.1:${port}`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { response, stop: () => server.close() };
}

it('keeps nothing of the pieces that were sent, while the stream goes on', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const inUse: number[] = [];
  let sent = 0;
  // One piece a turn, as events come: what comes at once waits for the connection to drain.
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await turn();
        sent += 1;
        if (sent % 20_000 === 0) {
          collect();
          inUse.push(process.memoryUsage().heapUsed);
        }
        if (inUse.length < 3) controller.enqueue(PIECE);
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const { response, stop } = await serve((_, outgoing) => sendStream(stream, outgoing, {}));
  response.resume();
  await once(response, 'end');
  stop();
  // Seventy bytes a piece would be almost three megabytes.
  expect((inUse[2] ?? 0) - (inUse[0] ?? 0)).toBeLessThan(1_500_000);
});

it('cancels the stream when the client goes', async () => {
  let cancel = () => {};
  const cancelled = new Promise<void>((resolve) => {
    cancel = resolve;
  });
  const stream = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(PIECE), cancel });
  const { response, stop } = await serve((_, outgoing) => sendStream(stream, outgoing, {}));
  response.destroy();
  await cancelled;
  stop();
});
