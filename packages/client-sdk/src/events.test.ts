import { afterEach, expect, it } from 'vitest';
import { type Act, refuse, type ScriptedServer, startScriptedServer } from '../test/support/scripted-server.js';
import { createClient } from './client.js';
import type { LiveEvent } from './events.js';

let server: ScriptedServer;

afterEach(() => server.close());

const balanceChanged = (id: string, sequence: number) =>
  `id: ${id}\nevent: balance.changed.v1\ndata: ${JSON.stringify({
    type: 'balance.changed.v1',
    data: { sequence: `${sequence}`, available: null, posted: '-12' },
  })}\n\n`;

/** Streams a text, and ends or leaves the stream open. */
const tell =
  (text: string, { end = false } = {}): Act =>
  (response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(text);
    if (end) response.end();
  };

async function take(stream: AsyncIterable<LiveEvent>, count: number): Promise<readonly LiveEvent[]> {
  const events: LiveEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

it('a stream renews the session when its token expires, and resumes after the last event', async () => {
  const tokens = { accessToken: 'fresh', refreshToken: 'next', expiresIn: 600 };
  server = await startScriptedServer(
    tell(
      `id: 4\nevent: opened\ndata: {}\n\n${balanceChanged('5.1', 1)}event: end\ndata: {"code":"token_expired"}\n\n`,
      {
        end: true,
      },
    ),
    refuse(401, 'token_expired'),
    (response) =>
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(tokens)) && undefined,
    tell(balanceChanged('6.2', 2)),
  );
  const client = createClient({ baseUrl: server.url, accessToken: 'stale', refreshToken: 'first' });
  const events = await take(client.events.stream({ types: ['balance.changed.v1'] }), 2);
  expect(events.map(({ lastEventId, data }) => ({ lastEventId, ...data }))).toEqual([
    { lastEventId: '5.1', sequence: 1n, available: null, posted: -12n },
    { lastEventId: '6.2', sequence: 2n, available: null, posted: -12n },
  ]);
  expect(server.seen.map(({ path, headers }) => [path.split('?')[0], headers['last-event-id']])).toEqual([
    ['/v1/events', undefined],
    ['/v1/events', '5.1'],
    ['/v1/auth/refresh', undefined],
    ['/v1/events', '5.1'],
  ]);
  expect(server.seen[3]?.headers.authorization).toBe('Bearer fresh');
});

it('a stream without events resumes after the position of its last opened or position message', async () => {
  server = await startScriptedServer(
    tell('id: 4\nevent: opened\ndata: {}\n\n', { end: true }),
    refuse(503, 'overloaded'),
    tell(':\n\nid: 9\nevent: position\ndata: {}\n\n', { end: true }),
    tell(balanceChanged('10.0', 1)),
  );
  await take(createClient({ baseUrl: server.url, accessToken: 'a' }).events.stream(), 1);
  expect(server.seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '4', '4', '9']);
});

it("an application's own event arrives as it was written, whatever its members are called", async () => {
  const event = { type: 'order.placed.v1', subject: 'o', ledger: 'main', time: '2026-01-01T00:00:00.000Z' };
  const message = JSON.stringify({ ...event, data: { amount: '12.50', change: '7' } });
  server = await startScriptedServer(tell(`id: 1.0\nevent: order.placed.v1\ndata: ${message}\n\n`));
  const events = await take(createClient({ baseUrl: server.url, accessToken: 'a' }).events.stream(), 1);
  expect(events[0]).toMatchObject({ type: 'order.placed.v1', data: { amount: '12.50', change: '7' } });
});

it('a stream of no types is refused: the server would send all of them', async () => {
  server = await startScriptedServer(tell(balanceChanged('1.0', 1)));
  const stream = createClient({ baseUrl: server.url, accessToken: 'a' }).events.stream({ types: [] });
  await expect(take(stream, 1)).rejects.toMatchObject({ code: 'invalid_request', fields: [{ path: 'types' }] });
  expect(server.seen).toHaveLength(0);
});

it('a stream ends with its signal, even if the platform has lost the signal', async () => {
  server = await startScriptedServer(tell(balanceChanged('1.0', 1)));
  const client = createClient({
    baseUrl: server.url,
    accessToken: 'a',
    fetch: ({ url, headers }) => fetch(new Request(url, { headers })),
  });
  const ending = new AbortController();
  const events: LiveEvent[] = [];
  for await (const event of client.events.stream({ signal: ending.signal })) {
    events.push(event);
    setTimeout(() => ending.abort(), 50);
  }
  expect(events).toHaveLength(1);
});

it.each(['', 'x', '1\n2', 7])('a stream refuses %j as an id before it sends anything', async (lastEventId) => {
  server = await startScriptedServer(tell(''));
  const stream = createClient({ baseUrl: server.url }).events.stream({ lastEventId: lastEventId as string });
  await expect(take(stream, 1)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(server.seen).toEqual([]);
});
