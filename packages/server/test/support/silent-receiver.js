import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

/**
 * Receives webhooks on a thread of its own. It never answers at every `silentEvery`-th path, which end in a number. Asked for it, it
 * says how many it has answered, or what each was about and when it came.
 */
const answered = [];
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    if (Number(request.url.split('/').at(-1)) % workerData.silentEvery === 0) return;
    const { subject } = JSON.parse(Buffer.concat(chunks).toString());
    answered.push({ subject, atMs: performance.timeOrigin + performance.now() });
    response.writeHead(204).end();
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.on('message', (asked) => parentPort.postMessage(asked === 'count' ? answered.length : answered));
