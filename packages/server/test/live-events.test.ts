import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createRelay, deleteDeliveredEvents } from '@micropay/ledger-core';
import { importJWK, SignJWT } from 'jose';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { openStream, type TestStream } from './support/open-stream.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let streams: TestStream[];

const LIMITS = {
  streamsPerPrincipalMax: 3,
  streamsMax: 8,
  bufferLengthMax: 4_096,
  heartbeatMs: 200,
  stallMs: 2_000,
  checkMs: 50,
  lingerMs: 300,
  resumeRowsMax: 40,
};

beforeEach(async () => {
  server = await startTestServer({ live: LIMITS });
  streams = [];
});
afterEach(async () => {
  for (const stream of streams) await stream.close();
  await server.stop();
});

async function open(token: string, options?: Parameters<typeof openStream>[2]): Promise<TestStream> {
  const stream = await openStream(server.url, token, options);
  streams.push(stream);
  return stream;
}

/** A stream that has begun. */
async function opened(token: string, options?: Parameters<typeof openStream>[2]): Promise<TestStream> {
  const stream = await open(token, options);
  await expect.poll(() => stream.messages[0]?.event).toBe('opened');
  return stream;
}

function pay(from: TestUser, to: TestUser, metadata?: object) {
  const body = { from: from.wallet, to: to.wallet, amount: '1', currency: 'USD', ...(metadata ? { metadata } : {}) };
  return call(server.url, 'POST /v1/transfers', { token: from.token, key: randomUUID(), body });
}

function payMany(from: TestUser, to: TestUser, { count, metadata }: { count: number; metadata: object }) {
  const transfers = Array.from({ length: count }, () => ({
    ...{ from: from.wallet, to: to.wallet, amount: '1', currency: 'USD', metadata },
    idempotencyKey: randomUUID(),
  }));
  return call(server.url, 'POST /v1/transfers/batch', { token: from.token, body: { transfers } });
}

/** Brings the one sink there is to the end of the log. */
async function deliverAll(): Promise<void> {
  const relay = createRelay({
    database: server.databaseUrl,
    sink: 'nowhere',
    publisher: { connect: async () => {}, publish: async () => {}, close: async () => {} },
  });
  relay.start();
  await expect.poll(async () => (await relay.status()).rows).toBe(0);
  await relay.stop();
}

/** Draws positions that no row of the ledger gets; returns the last one that a row has. */
async function drawPositions(count: number): Promise<string> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ last: string }>(
      'select max(position)::text as last from (select position from micropay.transfers union all select position from micropay.events) log',
    );
    await client.query(`select nextval('micropay.event_position') from generate_series(1, $1)`, [count]);
    return rows[0]?.last ?? '0';
  } finally {
    await client.end();
  }
}

const deleteEvents = () =>
  deleteDeliveredEvents({ database: server.databaseUrl, before: new Date(Date.now() + 60_000), ageMinMs: 0 });

const typesOf = (stream: TestStream) => stream.events().map(({ event }) => event);
const sequences = (stream: TestStream) =>
  stream.events().flatMap(({ data }) => (data.type === 'balance.changed.v1' ? [Number(data.data.sequence)] : []));

describe('a stream shows', () => {
  it('a stream shows each party its own side of a transfer, others nothing, and operators both', async () => {
    const alice = await registerUser(server.url, { balance: 100n });
    const [bob, carol] = [await registerUser(server.url), await registerUser(server.url)];
    const [hers, his, other, all] = [
      await opened(alice.token),
      await opened(bob.token),
      await opened(carol.token),
      await opened(OPERATOR_KEY),
    ];
    const { body: transfer } = await pay(alice, bob);
    await expect.poll(() => all.events().length).toBe(3);
    await expect.poll(() => [hers.events().length, his.events().length]).toEqual([2, 2]);
    expect(other.events()).toEqual([]);

    const addressOf = ({ id }: TestUser) => `users:${id}:usd`;
    const [herTransfer, herBalance] = hers.events();
    expect(herTransfer?.data).toMatchObject({
      type: 'transfer.posted.v1',
      subject: transfer.id,
      data: { from: alice.wallet, to: bob.wallet, amount: '1', fromAddress: addressOf(alice), toAddress: null },
    });
    expect(herBalance?.data.data).toMatchObject({ accountId: alice.wallet, posted: '99', change: '-1', sequence: '2' });
    const [hisTransfer, hisBalance] = his.events();
    expect(hisTransfer?.data.data).toMatchObject({ fromAddress: null, toAddress: addressOf(bob) });
    expect(hisBalance?.data.data).toMatchObject({ accountId: bob.wallet, posted: '1', change: '1', sequence: '1' });
    expect(JSON.stringify(hers.messages)).not.toContain(bob.id);
    expect(JSON.stringify(his.messages)).not.toContain(alice.id);
    const [whole] = all.events();
    expect(whole?.data.data).toMatchObject({ fromAddress: addressOf(alice), toAddress: addressOf(bob) });
    expect(all.events().map(({ id }) => id)).toEqual([0, 1, 2].map((index) => `${whole?.id?.split('.')[0]}.${index}`));
  });

  it('a stream shows the events of a wallet and its user, and only the requested types', async () => {
    const alice = await registerUser(server.url);
    const [hers, few] = [
      await opened(alice.token, { lastEventId: '0' }),
      await opened(alice.token, { query: '?types=account.frozen.v1,account.unfrozen.v1', lastEventId: '0' }),
    ];
    await call(server.url, `POST /v1/wallets/${alice.wallet}/freeze`, { token: OPERATOR_KEY, body: {} });
    await expect.poll(() => typesOf(hers)).toEqual(['user.created.v1', 'account.opened.v1', 'account.frozen.v1']);
    await expect.poll(() => typesOf(few)).toEqual(['account.frozen.v1']);
  });
});

describe('a stream goes on', () => {
  it('a stream goes on behind each id exactly, in the midst of a transfer too, and at where it was opened', async () => {
    const [alice, bob] = [await registerUser(server.url, { balance: 100n }), await registerUser(server.url)];
    const first = await opened(OPERATOR_KEY);
    for (let count = 0; count < 3; count += 1) await pay(alice, bob);
    await expect.poll(() => first.events().length).toBe(9);
    const { messages } = first;
    await first.close();
    for (const [index, { id }] of messages.entries()) {
      const again = await opened(OPERATOR_KEY, { lastEventId: id });
      const rest = first.events().filter((event) => messages.indexOf(event) > index);
      await expect.poll(() => again.events()).toEqual(rest);
      await again.close();
    }
    const after = await opened(OPERATOR_KEY, { lastEventId: messages.at(-1)?.id });
    await pay(alice, bob);
    await expect.poll(() => after.events().length).toBe(3);
    await delay(100);
    expect(after.events()).toHaveLength(3);
  });

  it('a stream resumes after a position at which it had no event', async () => {
    const [alice, bob, carol] = [
      await registerUser(server.url, { balance: 100n }),
      await registerUser(server.url),
      await registerUser(server.url, { balance: 1n }),
    ];
    const hers = await opened(carol.token);
    for (let count = 0; count < 3; count += 1) await pay(alice, bob);
    await expect.poll(() => hers.messages.at(-1)?.event).toBe('position');
    const mark = hers.messages.at(-1)?.id;
    expect(Number(mark)).toBeGreaterThan(Number(hers.messages[0]?.id));
    await hers.close();
    await pay(carol, bob);
    const again = await opened(carol.token, { lastEventId: mark });
    await expect.poll(() => typesOf(again)).toEqual(['transfer.posted.v1', 'balance.changed.v1']);
  });

  it.each(['', 'x', '1.2.3', '-1'])('a stream goes on behind no id like %j', async (lastEventId) => {
    const { token } = await registerUser(server.url);
    expect((await open(token, { lastEventId: lastEventId || ' .' })).status).toBe(400);
  });

  it('a stream does not resume after an id of another log, an id too old for a user, or an id before deleted events', async () => {
    const alice = await registerUser(server.url, { balance: 100n });
    const bob = await registerUser(server.url);
    const refusal = async (token: string, lastEventId: string) => {
      const { status, body } = await call(server.url, 'GET /v1/events', {
        token,
        headers: { 'last-event-id': lastEventId },
      });
      return [status, body.code];
    };
    expect(await refusal(alice.token, '100000')).toEqual([410, 'events_gone']);
    // Positions that another ledger has drawn count for nothing.
    const lastEventId = await drawPositions(1_000);
    await pay(alice, bob);
    expect((await opened(alice.token, { lastEventId })).status).toBe(200);
    for (let count = 0; count < LIMITS.resumeRowsMax; count += 1) await pay(alice, bob);
    expect(await refusal(alice.token, '1')).toEqual([410, 'events_gone']);
    expect((await opened(OPERATOR_KEY, { lastEventId: '1' })).status).toBe(200);

    await deliverAll();
    await deleteEvents();
    expect(await refusal(OPERATOR_KEY, '1')).toEqual([410, 'events_gone']);
  });

  it('a stream resumes after an event that was deleted since, if it had delivered that event', async () => {
    const [alice, bob] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
    await call(server.url, `POST /v1/wallets/${bob.wallet}/freeze`, { token: OPERATOR_KEY, body: { side: 'debits' } });
    const first = await opened(OPERATOR_KEY, { lastEventId: '0' });
    await expect.poll(() => typesOf(first).at(-1)).toBe('account.frozen.v1');
    await deliverAll();
    await deleteEvents();
    const again = await opened(OPERATOR_KEY, { lastEventId: first.events().at(-1)?.id });
    await pay(alice, bob);
    await expect.poll(() => again.events()).toHaveLength(3);
  });

  it('a stream ends with events_gone when events are deleted while it catches up', async () => {
    const user = await registerUser(server.url, { balance: 1n });
    await deliverAll();
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    // With this one the server has begun to follow the log; the next one is let in, and waits for its first page.
    await opened(user.token);
    await client.query('begin');
    await client.query('lock table micropay.accounts in access exclusive mode');
    const stream = await opened(user.token, { lastEventId: '0' });
    await deleteEvents();
    await client.query('commit');
    await client.end();
    await stream.ended;
    expect(stream.events()).toEqual([]);
    expect(stream.messages.at(-1)).toMatchObject({ event: 'end', data: { code: 'events_gone', status: 410 } });
  });
});

describe('a client', () => {
  it('a client who reads too slowly is cut off, and goes on behind the last id without loss', {
    timeout: 120_000,
  }, async () => {
    const [alice, bob] = [await registerUser(server.url, { balance: 10_000n }), await registerUser(server.url)];
    const { hostname, port } = new URL(server.url);
    const slow = connect(Number(port), hostname);
    slow.on('error', () => undefined);
    let text = '';
    slow.write(`GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`);
    slow.once('data', (chunk) => {
      text += chunk.toString();
      slow.pause();
    });
    await once(slow, 'data');
    const metadata = { padding: 'x'.repeat(8_000) };
    const ended = async () => {
      const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } });
      return /micropay_event_streams_ended_total\{code="stream_too_slow"\} (\d+)/.exec(await metrics.text())?.[1];
    };
    // As much as the network between them holds, and more.
    for (let round = 0; round < 100 && (await ended()) === undefined; round += 1) {
      await payMany(alice, bob, { count: 100, metadata });
    }
    expect(await ended()).toBe('1');
    slow.on('data', (chunk) => {
      text += chunk.toString();
    });
    slow.resume();
    // In time for the last words, or not: the connection is then closed.
    await expect.poll(() => slow.destroyed || text.endsWith('\r\n0\r\n\r\n'), { timeout: 30_000 }).toBe(true);
    slow.destroy();
    // Messages that arrived completely.
    const seen = [...text.matchAll(/^id: (\S+)\nevent: (\S+)\ndata: (\{.*\})$/gm)].map(([, id, event, data]) => ({
      id,
      event,
      data: JSON.parse(data ?? ''),
    }));
    const { body } = await call(server.url, `GET /v1/wallets/${alice.wallet}`, { token: alice.token });
    const total = 10_001 - Number(body.balance);
    const sequencesSeen = seen.flatMap(({ event, data }) =>
      event === 'balance.changed.v1' ? [Number(data.data.sequence)] : [],
    );
    let lastEventId = seen.at(-1)?.id;
    // A machine that is busy may make this client slow as well: then it comes back as often as it has to.
    while (sequencesSeen.length < total - 1) {
      const rest = await open(OPERATOR_KEY, { lastEventId });
      const hers = () =>
        rest
          .events()
          .flatMap(({ data: { type, data } }) =>
            type === 'balance.changed.v1' && data.accountId === alice.wallet ? [Number(data.sequence)] : [],
          );
      let isOver = false;
      void rest.ended.then(() => {
        isOver = true;
      });
      while (!isOver && sequencesSeen.length + hers().length < total - 1) await delay(50);
      sequencesSeen.push(...hers());
      lastEventId = rest.messages.findLast(({ id }) => id !== undefined)?.id ?? lastEventId;
      await rest.close();
    }
    expect(sequencesSeen).toEqual(Array.from({ length: total - 1 }, (_, index) => index + 2));
  });

  it('a client hears a heartbeat when nothing happens', async () => {
    const { token } = await registerUser(server.url);
    const stream = await opened(token);
    await expect.poll(() => stream.comments).toBeGreaterThan(2);
    expect(stream.events()).toEqual([]);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
  });

  it('a client receives an end message when its session ends', async () => {
    const user = await registerUser(server.url);
    const stream = await opened(user.token);
    await call(server.url, 'POST /v1/auth/logout', { body: { refreshToken: user.refreshToken } });
    await stream.ended;
    expect(stream.messages.at(-1)).toMatchObject({ event: 'end', data: { code: 'token_invalid', status: 401 } });
  });

  it('a client receives an end message when its token expires', async () => {
    const user = await registerUser(server.url);
    const stream = await opened(await shortToken(user.token));
    await stream.ended;
    expect(stream.messages.at(-1)).toMatchObject({ event: 'end', data: { code: 'token_expired', status: 401 } });
  });

  it('a client has a few streams at a time, and so has the process', async () => {
    const users = [await registerUser(server.url), await registerUser(server.url), await registerUser(server.url)];
    const [alice, bob, carol] = users as [TestUser, TestUser, TestUser];
    const hers = [await opened(alice.token), await opened(alice.token), await opened(alice.token)];
    const refused = await call(server.url, 'GET /v1/events', { token: alice.token });
    expect([refused.status, refused.body.code]).toEqual([429, 'too_many_streams']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await hers[0]?.close();
    await expect.poll(async () => (await open(alice.token)).status).toBe(200);
    for (let count = 0; count < 3; count += 1) await opened(bob.token);
    for (let count = 0; count < 2; count += 1) await opened(carol.token);
    const full = await call(server.url, 'GET /v1/events', { token: carol.token });
    expect([full.status, full.body.code]).toEqual([503, 'overloaded']);
  });

  it('a client who is gone before the answer leaves nothing behind', async () => {
    const { token } = await registerUser(server.url);
    const { hostname, port } = new URL(server.url);
    for (let count = 0; count < 4 * LIMITS.streamsPerPrincipalMax; count += 1) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(
        `GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nLast-Event-ID: 0\r\n\r\n`,
        () => socket.resetAndDestroy(),
      );
      await once(socket, 'close');
    }
    for (let count = 0; count < LIMITS.streamsPerPrincipalMax; count += 1) {
      await expect.poll(async () => (await open(token)).status).toBe(200);
    }
  });

  it('a client who asks several times on one connection and goes leaves nothing behind', async () => {
    const { token } = await registerUser(server.url);
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const asking = `GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    socket.write(asking.repeat(LIMITS.streamsPerPrincipalMax));
    await expect.poll(() => readMetric(server.url, 'micropay_event_streams')).toBe(1);
    socket.destroy();
    for (let count = 0; count < LIMITS.streamsPerPrincipalMax; count += 1) {
      await expect.poll(async () => (await open(token)).status).toBe(200);
    }
  });

  it('a client is refused without a credential, and for types that are not there', async () => {
    expect((await call(server.url, 'GET /v1/events')).status).toBe(401);
    const { token } = await registerUser(server.url);
    const { status, body } = await call(server.url, 'GET /v1/events?types=transfer.lost.v1', { token });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(
      (await fetch(`${server.url}/v1/events`, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } }))
        .status,
    ).toBe(200);
    const { text } = {
      text: await (
        await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } })
      ).text(),
    };
    expect(text).toMatch(/^micropay_event_streams 0$/m);
  });
});

describe('a server that stops', () => {
  it('a server that stops sends its clients an end message, and does not wait for those that do not read', async () => {
    const own = await startTestServer({ live: LIMITS });
    const user = await registerUser(own.url, { balance: 1_000n });
    const stream = await openStream(own.url, user.token);
    await expect.poll(() => stream.messages.length).toBe(1);
    const { hostname, port } = new URL(own.url);
    const deaf = connect(Number(port), hostname);
    deaf.on('error', () => undefined);
    deaf.write(`GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${user.token}\r\n\r\n`);
    await once(deaf, 'readable');
    const startedAtMs = performance.now();
    await own.stop();
    // A client that it waited for would cost nine seconds.
    expect(performance.now() - startedAtMs).toBeLessThan(8_000);
    await stream.ended;
    expect(stream.messages.at(-1)).toMatchObject({ event: 'end', data: { code: 'ledger_closed', status: 503 } });
    deaf.destroy();
  });
});

it('a stream loses no event when the database is unavailable for a moment', async () => {
  const [alice, bob] = [await registerUser(server.url, { balance: 100n }), await registerUser(server.url)];
  const stream = await opened(bob.token);
  await pay(alice, bob);
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  await client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await client.end();
  for (let count = 0; count < 5; count += 1) {
    await expect.poll(async () => (await pay(alice, bob)).status).toBe(201);
  }
  await expect.poll(() => sequences(stream).length).toBeGreaterThanOrEqual(6);
  expect(sequences(stream)).toEqual(sequences(stream).map((_, index) => index + 1));
});

it('a server logs once that it cannot follow the log, and shows it in the metrics as long as it lasts', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const own = await startTestServer({ live: LIMITS }, log);
  const client = new pg.Client({ connectionString: own.databaseUrl });
  await client.connect();
  const stream = await openStream(own.url, (await registerUser(own.url)).token);
  await client.query(
    `insert into micropay.events (recorded_at, ledger, id, type, subject, data)
     select now(), id, gen_random_uuid(), 'account.painted.v1', gen_random_uuid(), '{}' from micropay.ledgers`,
  );
  const isStuck = () => readMetric(own.url, 'micropay_events_stuck');
  await expect.poll(isStuck).toBe(1);
  // The time of a few more looks.
  await delay(1_500);
  // The settings of the tests' database are warned about as well.
  const faults = lines.map((line) => JSON.parse(line)).filter(({ err }) => err !== undefined);
  expect(faults).toMatchObject([{ err: { code: 'event_unreadable' } }]);
  await client.query(`delete from micropay.events where type = 'account.painted.v1'`);
  await client.end();
  await expect.poll(isStuck).toBe(0);
  await stream.close();
  await own.stop();
});

/** A token of the same session that expires in a moment, signed with the server's own key. */
async function shortToken(token: string): Promise<string> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  const { rows } = await client.query(
    'select kid, private_jwk from micropay.signing_keys order by created_at desc limit 1',
  );
  await client.end();
  const { exp: _exp, ...claims } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return new SignJWT({ ...claims, exp: Math.floor(Date.now() / 1_000) + 2 })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: rows[0].kid })
    .sign(await importJWK(rows[0].private_jwk, 'EdDSA'));
}
