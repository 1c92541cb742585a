import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LedgerError } from '@micropay/ledger-core';
import { type Logger, pino } from 'pino';
import { expect, it } from 'vitest';
import { ProblemError } from '../../errors/problem.js';
import { refuse } from './refuse.js';

async function ask(answer: (outgoing: ServerResponse, log: Logger) => unknown) {
  const lines: string[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line).msg) });
  const server = createServer((_, outgoing) => answer(outgoing, log)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const text = await fetch(`http://127.0.0.1:${port}`).then(
    async (response) => [response.status, await response.text().catch(() => 'cut off')] as const,
    () => 'cut off',
  );
  server.close();
  return { text, lines };
}

it.each([
  [new ProblemError('forbidden', 'this is not yours'), 403, 'forbidden', []],
  [new LedgerError('overloaded', 'too much'), 503, 'overloaded', ['too much']],
  [new TypeError('a slip'), 500, 'internal_error', ['request failed']],
  [undefined, 500, 'internal_error', ['request failed']],
])('%s is sent as a problem, and logged if the server is to blame', async (error, status, code, logged) => {
  const { text, lines } = await ask((outgoing, log) => refuse(outgoing, error, { requestId: 'r-1', log }));
  expect([text[0], JSON.parse(text[1] ?? '').code, lines]).toEqual([status, code, logged]);
});

it('what fails when a part of the response has been sent cuts it off', async () => {
  const { text } = await ask((outgoing, log) => {
    outgoing.writeHead(200, { 'content-length': '100' }).write('a part');
    refuse(outgoing, new Error('later'), { requestId: 'r-1', log });
  });
  expect(text === 'cut off' || text[1] === 'cut off').toBe(true);
});

it('a refusal that cannot be sent is logged, cuts the connection and throws nothing', async () => {
  let refused: unknown;
  const { text, lines } = await ask((outgoing, log) => {
    const error = new ProblemError('forbidden', 'no', { headers: { 'x-bad': 'line\r\nbreak' } });
    refused = refuse(outgoing, error, { requestId: 'r-1', log });
  });
  expect([text, lines, refused]).toEqual([
    'cut off',
    ['a refusal could not be sent'],
    { status: 500, code: 'internal_error' },
  ]);
});
