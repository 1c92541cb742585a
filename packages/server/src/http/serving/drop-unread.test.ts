import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createCrossOrigin } from './cross-origin.js';
import { dropUnread } from './drop-unread.js';
import { sendPage } from './send-answer.js';
import { sendNoStream, sendStream } from './send-stream.js';

let server: Server;
let socket: Socket;
let received: string;

/** Answers by the headers of a request, and never looks at its body. */
async function serve(answer: RequestListener): Promise<void> {
  // As long as the server waits for the next request of a connection, which is no limit for this one.
  server = createServer({ keepAliveTimeout: 65_000 }, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
  received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
}
afterEach(() => {
  socket.destroy();
  server.close();
});

const refuse: RequestListener = (_, outgoing) => {
  dropUnread(outgoing);
  outgoing.writeHead(401, ['content-length', '2']).end('no');
};
const head = (length: number) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
const answers = () => received.split('HTTP/1.1 ').length - 1;

it.each([0, 5, 200_000])(
  'a connection carries its next request after a body of %i bytes that nobody read, also when it has waited',
  async (bytes) => {
    await serve(refuse);
    socket.write(head(bytes));
    await expect.poll(answers).toBe(1);
    socket.write('x'.repeat(bytes));
    // Longer than whoever does not finish has.
    await delay(700);
    expect(socket.destroyed).toBe(false);
    socket.write(`${head(3)}abc`);
    await expect.poll(answers).toBe(2);
  },
);

it('a client that goes on sending after its answer is cut off', async () => {
  await serve(refuse);
  socket.write(head(1_000_000_000));
  const timer = setInterval(() => socket.write('x'.repeat(1_000)), 10);
  await once(socket, 'close');
  clearInterval(timer);
  expect(answers()).toBe(1);
});

const endless = () => new ReadableStream<Uint8Array>({ start: (stream) => stream.enqueue(new Uint8Array([10])) });
const { answerPreflight } = createCrossOrigin(['http://a.example']);

it.each<[string, (outgoing: ServerResponse) => void]>([
  ['a page', (outgoing) => sendPage(outgoing, {}, 'page')],
  ['no content', (outgoing) => sendPage(outgoing, {})],
  ['a preflight', (outgoing) => answerPreflight(outgoing.req, outgoing)],
  ['a stream that goes on', (outgoing) => sendStream(endless(), outgoing, {})],
  ['the headers of a stream', (outgoing) => sendNoStream(endless(), outgoing, {})],
])(
  'a client that never sends the body that it announced is cut off after %s',
  { timeout: 20_000 },
  async (_, answer) => {
    await serve((_incoming, outgoing) => answer(outgoing));
    socket.write(head(10));
    await once(socket, 'close');
    expect(answers()).toBe(1);
  },
);
