import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dropUnread } from './drop-unread.js';

let server: Server;
let socket: Socket;
let received: string;

beforeEach(async () => {
  // Refuses everything by its headers, and never looks at a body.
  server = createServer((_, outgoing) => {
    dropUnread(outgoing);
    outgoing.writeHead(401, ['content-length', '2']).end('no');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
  received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
});
afterEach(() => {
  socket.destroy();
  server.close();
});

const head = (length: number) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
const answers = () => received.split('HTTP/1.1 401').length - 1;

it.each([0, 5, 200_000])(
  'a connection carries its next request after a body of %i bytes that nobody read',
  async (bytes) => {
    socket.write(head(bytes));
    await expect.poll(answers).toBe(1);
    socket.write('x'.repeat(bytes) + head(3));
    socket.write('abc');
    await expect.poll(answers).toBe(2);
    expect(socket.destroyed).toBe(false);
  },
);

it('a client that goes on sending after its answer is cut off', async () => {
  socket.write(head(1_000_000_000));
  const timer = setInterval(() => socket.write('x'.repeat(1_000)), 10);
  await once(socket, 'close');
  clearInterval(timer);
  expect(answers()).toBe(1);
});

it('a client that sends nothing more after its answer is cut off, with the body that it announced', async () => {
  socket.write(head(10));
  await once(socket, 'close');
  expect(answers()).toBe(1);
});
