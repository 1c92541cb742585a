import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type Listening, listen } from './listen.js';

const STALL_MS = 300;
/** More than the system keeps for a connection whose client does not read. */
const LARGE = 'x'.repeat(16 * 1024 * 1024);

let listening: Listening;
const sockets: Socket[] = [];
let begun: string[];
let closed: string[];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listening.stop(0);
});

/** `/large` and `/small` answer at once, `/slow` after a while; `/endless` and `/stuck` never end. */
const answer: RequestListener = async (request, response) => {
  const path = request.url ?? '';
  begun.push(path);
  response.once('close', () => closed.push(path));
  if (path === '/slow') await sleep(3 * STALL_MS);
  if (path === '/slow-large') await sleep(2 * STALL_MS);
  if (path === '/endless' || path === '/stuck') {
    // Of the one much waits, of the other so little that Node itself would go on reading.
    const isFull = () => (path === '/stuck' ? request.socket.writableLength > 0 : response.writableNeedDrain);
    const timer = setInterval(() => isFull() || response.write('x'.repeat(8 * 1024)), 1);
    response.once('close', () => clearInterval(timer));
  } else response.end(path.endsWith('large') ? LARGE : path);
};

async function start(listener = answer, stallMs = STALL_MS): Promise<void> {
  [begun, closed] = [[], []];
  listening = await listen(listener, { host: '127.0.0.1', port: 0, stallMs });
}

const asking = (...paths: string[]) => paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join('');

/** A client that sends, and reads nothing unless it is told to. */
function open(text: string): Socket {
  const { hostname, port } = new URL(listening.url);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  sockets.push(socket);
  socket.write(text);
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

it.each([
  ['an answer', ['/large']],
  ['an answer that took its time', ['/slow-large']],
  ['answers to all that it asked for in one go', Array<string>(20).fill('/large')],
  ['a small answer behind a large one', ['/large', '/small']],
  ['a stream', ['/endless']],
  ['a stream, with more behind it', ['/endless', '/large']],
])('a client that does not read %s is cut off, and costs one response meanwhile', async (_, paths) => {
  await start();
  open(asking(...paths));
  await expect.poll(() => closed, { timeout: 20_000 }).toEqual([paths[0]]);
  expect(begun).toEqual([paths[0]]);
});

it.each(['/large', '/stuck'])('a client that goes on asking and does not read %s is cut off', async (path) => {
  await start();
  const socket = open(asking(path));
  const timer = setInterval(() => socket.write(asking('/small')), 0.8 * STALL_MS);
  await expect.poll(() => closed, { timeout: 20_000 }).toEqual([path]);
  clearInterval(timer);
  expect(begun).toEqual([path]);
});

it('a client that asks for more than it could wait for is cut off', async () => {
  await start();
  const socket = open(asking('/slow', ...Array<string>(200).fill('/small')));
  socket.resume();
  await once(socket, 'close');
  expect(begun).toEqual(['/slow']);
});

it('a client that reads slowly gets its whole response', async () => {
  // Longer, as this machine may stand still for a while itself.
  const stallMs = 1_500;
  await start(answer, stallMs);
  const startedAtMs = performance.now();
  const socket = open(asking('/large').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    socket.pause();
    setTimeout(() => socket.resume(), 10);
  });
  await once(socket, 'close');
  expect(bytes).toBeGreaterThan(LARGE.length);
  expect(performance.now() - startedAtMs).toBeGreaterThan(stallMs);
});

it('a response may take longer than a client may be silent', async () => {
  await start();
  expect(await (await fetch(`${listening.url}/slow`)).text()).toBe('/slow');
});

it('requests that come in one go are answered in their order, bodies and all', async () => {
  await start(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    await sleep(body === '0' ? 50 : 0);
    response.end(`<${request.url} ${body}>`);
  });
  const posting = (number: number) =>
    `POST /${number} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n${number === 9 ? 'Connection: close\r\n' : ''}\r\n${number}`;
  const text = await readAll(open(Array.from({ length: 10 }, (_, number) => posting(number)).join('')));
  expect(text.match(/<[^>]*>/g)).toEqual(Array.from({ length: 10 }, (_, number) => `</${number} ${number}>`));
});

it('a request that waits for the previous response is not begun when its connection is gone', async () => {
  await start();
  const socket = open(asking('/slow', '/small'));
  await expect.poll(() => begun).toEqual(['/slow']);
  socket.destroy();
  await sleep(4 * STALL_MS);
  expect(begun).toEqual(['/slow']);
});
