import { randomUUID } from 'node:crypto';
import { createInProcessPublisher, createLedger, createRelay, type LedgerEvent } from '@micropay/ledger-core';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/database/connect.js';
import { createMails } from '../../src/mail/mail-outbox.js';
import { createNotificationStore } from '../../src/notifications/notification-store.js';
import { createAnnounce } from '../../src/notifications/sink/announce.js';
import { createNotificationSink, MAILS_PER_HOUR } from '../../src/notifications/sink/notification-sink.js';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { call, deposit, registerUser, type TestUser } from '../support/call.js';
import { readMetric } from '../support/metrics.js';
import { openStream } from '../support/open-stream.js';
import { runMain } from '../support/run-main.js';
import { OPERATOR_KEY, startTestServer, type TestServer, testConfig } from '../support/test-server.js';
import { type ReceivedMail, startTestSmtp, type TestSmtp } from '../support/test-smtp.js';

const SOON = { timeout: 10_000 };
const announce = () => Promise.resolve();

let smtp: TestSmtp;
let server: TestServer;
let second: RunningServer;
let client: pg.Client;
let relay: ReturnType<typeof createRelay>;

beforeAll(async () => {
  smtp = await startTestSmtp();
  const settings = { mail: smtp.settings, notifications: true };
  server = await startTestServer(settings);
  second = await startServer(testConfig(server.databaseUrl, settings));
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  relay = createRelay({
    database: server.databaseUrl,
    sink: 'notifications:main',
    ledger: 'main',
    publisher: createInProcessPublisher(async () => undefined),
  });
});
afterAll(async () => {
  await relay?.stop();
  await client?.end();
  await second?.close();
  await server?.stop();
  await smtp?.stop();
});
afterEach(() => {
  smtp.answer = () => undefined;
});

/** A user who has confirmed the email. */
async function someone(balance = 10_000n): Promise<TestUser> {
  const user = await registerUser(server.url, { balance });
  await client.query('update micropay.users set email_verified_at = now() where id = $1', [user.id]);
  return user;
}

async function done(token: string, target: string, body?: unknown) {
  const reply = await call(server.url, target, { token, key: randomUUID(), ...(body === undefined ? {} : { body }) });
  expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300);
  return reply.body;
}

const payment = (from: TestUser, to: TestUser, amount = '1250') => ({
  from: from.wallet,
  to: to.wallet,
  amount,
  currency: 'USD',
});
const pay = (from: TestUser, to: TestUser, amount?: string) =>
  done(from.token, 'POST /v1/transfers', payment(from, to, amount));
const prefer = ({ token }: TestUser, change: object) => done(token, 'PATCH /v1/me/notification-preferences', change);
const inbox = async ({ token }: TestUser, query = '') => done(token, `GET /v1/me/notifications?${query}`);
const typesOf = async (user: TestUser): Promise<string[]> =>
  (await inbox(user)).data.map(({ type }: { type: string }) => type);
/** Without the mail that a registration asks for. */
const mailsTo = ({ email }: TestUser) =>
  smtp.mails.filter(({ to, subject }) => to === email && subject !== 'Confirm your email');
async function mailTo(user: TestUser): Promise<ReceivedMail> {
  return vi.waitUntil(() => mailsTo(user)[0], SOON);
}

/** Waits until everything that has happened was told. */
async function told(): Promise<void> {
  await expect.poll(async () => (await relay.status()).rows, SOON).toBe(0);
}

/** An event as a relay delivers it. */
function paymentTo({ id: user, wallet }: Pick<TestUser, 'id' | 'wallet'>, id: string, time: Date): LedgerEvent {
  const data = {
    transferId: randomUUID(),
    from: randomUUID(),
    fromAddress: 'world:usd',
    to: wallet,
    toAddress: `users:${user}:usd`,
    amount: '1',
    currency: 'USD',
  };
  return {
    id,
    type: 'transfer.posted.v1',
    subject: data.transferId,
    ledger: 'main',
    time,
    position: 1n,
    data,
  } as LedgerEvent;
}

describe('an inbox', () => {
  it('a payment is told to both parties, each about their own wallet, and not a word about the other', async () => {
    const [payer, payee] = [await someone(), await someone(0n)];
    const { id } = await done(payer.token, 'POST /v1/transfers', { ...payment(payer, payee), description: 'Call 555' });
    await told();
    const [paid] = (await inbox(payer)).data;
    expect(paid).toMatchObject({ type: 'money_out', title: 'You paid $12.50', readAt: null });
    expect(paid.movement).toEqual({
      transferId: id,
      holdId: null,
      wallet: payer.wallet,
      walletName: 'usd',
      amount: '1250',
      currency: 'USD',
      direction: 'out',
    });
    const { data, unreadCount } = await inbox(payee);
    expect([data.length, unreadCount]).toEqual([1, 1]);
    expect(data[0]).toMatchObject({ type: 'money_in', text: '$12.50 arrived in your wallet "usd".' });
    expect(JSON.stringify(data)).not.toMatch(new RegExp(`${payer.id}|${payer.wallet}|555`));
  });

  it('holds and refunds are told to payer and payee, with how a hold ended', async () => {
    const [payer, payee] = [await someone(), await someone(0n)];
    const transfer = await pay(payer, payee);
    await done(payee.token, `POST /v1/transfers/${transfer.id}/reversals`, {});
    const held = await done(payer.token, 'POST /v1/holds', payment(payer, payee));
    await done(payee.token, `POST /v1/holds/${held.id}/release`, {});
    const captured = await done(payer.token, 'POST /v1/holds', payment(payer, payee));
    await done(payee.token, `POST /v1/holds/${captured.id}/capture`, {});
    await told();
    const story = ['refund', 'hold_placed', 'hold_ended', 'hold_placed'];
    // In one millisecond, the order is not that of the log.
    expect((await typesOf(payer)).sort()).toEqual(['money_in', 'money_out', 'money_out', ...story].sort());
    expect((await typesOf(payee)).sort()).toEqual(['money_in', 'money_in', ...story].sort());
    const ended = (await inbox(payer)).data.find(({ type }: { type: string }) => type === 'hold_ended');
    expect(ended).toMatchObject({ title: 'A hold of $12.50 was released', movement: { holdId: held.id } });
  });

  it('a payout is told to its user as the hold that it is', async () => {
    const user = await someone();
    const order = { from: user.wallet, amount: '100', currency: 'USD', destination: { iban: 'DE00' } };
    const [paid, failed] = [
      await done(user.token, 'POST /v1/payouts', order),
      await done(user.token, 'POST /v1/payouts', order),
    ];
    await done(OPERATOR_KEY, `POST /v1/payouts/${paid.id}/take`);
    await done(OPERATOR_KEY, `POST /v1/payouts/${paid.id}/pay`, { reference: 'po_1' });
    await done(OPERATOR_KEY, `POST /v1/payouts/${failed.id}/fail`, { reason: 'No such account' });
    await told();
    const expected = ['money_in', 'hold_placed', 'hold_placed', 'money_out', 'hold_ended'];
    expect((await typesOf(user)).sort()).toEqual(expected.sort());
    const out = (await inbox(user)).data.find(({ type }: { type: string }) => type === 'money_out');
    expect(out.movement).toMatchObject({ holdId: paid.id, amount: '100', direction: 'out' });
  });

  it('a movement between wallets of one user is told to nobody', async () => {
    const user = await someone();
    const { id } = await done(user.token, 'POST /v1/wallets', { currency: 'USD', name: 'savings' });
    await done(user.token, 'POST /v1/transfers', { from: user.wallet, to: id, amount: '1', currency: 'USD' });
    await told();
    expect(await typesOf(user)).toEqual(['money_in']);
  });

  it('notifications are listed in pages, marked as read one by one and all together, by their user alone', async () => {
    const [user, other] = [await someone(), await someone()];
    for (const _ of [1, 2, 3]) await pay(other, user);
    await told();
    const first = await inbox(user, 'limit=3');
    const rest = await inbox(user, `limit=3&cursor=${first.nextCursor}`);
    const all = [...first.data, ...rest.data];
    expect([all.length, new Set(all.map(({ id }) => id)).size, rest.nextCursor]).toEqual([4, 4, null]);
    const stranger = await call(server.url, `GET /v1/me/notifications?cursor=${first.nextCursor}`, {
      token: other.token,
    });
    expect(stranger.body.code).toBe('invalid_cursor');

    const read = `POST /v1/me/notifications/${all[0].id}/read`;
    expect((await call(server.url, read, { token: other.token })).body.code).toBe('notification_not_found');
    const { readAt } = await done(user.token, read);
    expect((await done(user.token, read)).readAt).toBe(readAt);
    expect(await inbox(user, 'unread=true')).toMatchObject({ unreadCount: 3, data: { length: 3 } });
    expect(await done(user.token, 'POST /v1/me/notifications/read-all')).toEqual({ count: 3, unreadCount: 0 });
    expect((await inbox(other)).unreadCount).toBe(4);
  });

  it('a low balance is told when it falls below the threshold of its user, and once', async () => {
    const [user, shop] = [await someone(5_000n), await someone(0n)];
    await prefer(user, { lowBalances: { USD: '2000' } });
    for (const amount of ['1000', '2500', '100']) await pay(user, shop, amount);
    await told();
    const low = (await inbox(user)).data.filter(({ type }: { type: string }) => type === 'low_balance');
    expect(low).toMatchObject([{ text: 'The balance of your wallet "usd" is $15.00, less than $20.00.' }]);
    expect((await mailTo(user)).subject).toBe('Your balance is low');
  });

  it('amounts beyond what numbers hold, and own currencies, are written exactly', async () => {
    await done(OPERATOR_KEY, 'POST /v1/currencies', { code: 'POINTS', scale: 3 });
    const user = await someone(0n);
    const { id } = await done(user.token, 'POST /v1/wallets', { currency: 'POINTS' });
    await deposit(server.url, id, 12_345_678_901_234_567_890n, 'POINTS');
    await prefer(user, { language: 'de' });
    await told();
    expect((await inbox(user)).data[0].title).toBe('Sie haben 12.345.678.901.234.567,890 POINTS erhalten');
  });

  it('an account below users: that is no user holds nobody up', async () => {
    const ledger = createLedger({ database: server.databaseUrl, name: 'main' });
    for (const to of ['users:nobody:usd', `users:${randomUUID()}:usd`]) {
      await ledger.accounts.open({ address: to, currency: 'USD' });
      await ledger.transfers.post({
        idempotencyKey: randomUUID(),
        from: 'world:usd',
        to,
        amount: 1n,
        currency: 'USD',
      });
    }
    await ledger.close();
    const user = await someone();
    await told();
    expect(await typesOf(user)).toEqual(['money_in']);
  });

  it('what is older than it is kept is deleted, and an event of that age is not told again', async () => {
    const user = await someone();
    await told();
    await client.query(`update micropay.notifications set created_at = now() - interval '91 days' where user_id = $1`, [
      user.id,
    ]);
    const database = connect(server.databaseUrl, 'micropay');
    await createNotificationStore(database, 'main').removeOld(90);
    expect(await typesOf(user)).toEqual([]);
    const sink = createNotificationSink({
      database,
      ledger: 'main',
      mails: createMails('main', false),
      announce,
      keptDays: 90,
    });
    const ofAge = (id: string, days: number) => paymentTo(user, id, new Date(Date.now() - days * 86_400_000));
    await sink.publish([ofAge('old', 90.1), ofAge('young', 89.9)]);
    await database.destroy();
    expect(await typesOf(user)).toEqual(['money_in']);
  });
});

describe('news of an inbox', () => {
  it('news of an inbox are on the live stream of their user, who hears of nobody else’s', async () => {
    const [payer, payee, other] = [await someone(), await someone(0n), await someone(0n)];
    await prefer(payer, { types: { money_out: { inbox: false } } });
    await told();
    const streams = await Promise.all([payer, payee, other].map(({ token }) => openStream(server.url, token)));
    const newsOf = (at: number) => streams[at]?.events().filter(({ event }) => event === 'user.notified.v1') ?? [];
    await pay(payer, payee);
    await expect.poll(() => newsOf(1).length, SOON).toBe(1);
    const [news] = newsOf(1);
    expect(news?.data.data).toEqual({ userIds: [payee.id] });
    // It is there by the time that it is announced.
    expect((await inbox(payee)).unreadCount).toBe(1);
    await told();
    expect([newsOf(0).length, newsOf(2).length]).toEqual([0, 0]);
    await Promise.all(streams.map((stream) => stream.close()));
  });

  it('news of many inboxes are few events, and what is told again is no news', async () => {
    const users = Array.from({ length: 130 }, () => randomUUID());
    await client.query(
      `insert into micropay.users (ledger, id, email) select 'main', id, id || '@example.net' from unnest($1::uuid[]) as id`,
      [users],
    );
    const ledger = createLedger({ database: server.databaseUrl, name: 'main' });
    const database = connect(server.databaseUrl, 'micropay');
    const parts = { database, ledger: 'main', mails: createMails('main', false), keptDays: 90 };
    const sink = createNotificationSink({ ...parts, announce: createAnnounce(ledger) });
    const events = users.map((id, at) => paymentTo({ id, wallet: randomUUID() }, `news-${at}`, new Date()));
    for (const _ of [1, 2]) await sink.publish(events);
    const { rows } = await client.query(
      `select data from micropay.events where type = 'user.notified.v1' and data -> 'userIds' ?| $1::text[] order by position`,
      [users],
    );
    expect(rows.map(({ data }) => data.userIds.length)).toEqual([100, 30]);
    expect(new Set(rows.flatMap(({ data }) => data.userIds))).toEqual(new Set(users));
    await database.destroy();
    await ledger.close();
  });
});

describe('an account that is closed', () => {
  it('an account that is closed leaves no notification and no preference, also of what is told later', async () => {
    const [user, other] = [await someone(5n), await someone()];
    await prefer(user, { language: 'de', lowBalances: { USD: '3' } });
    await told();
    expect(await typesOf(user)).toEqual(['money_in']);
    await done(OPERATOR_KEY, 'POST /v1/withdrawals', { wallet: user.wallet, amount: '5', currency: 'USD' });
    await done(user.token, 'POST /v1/me/close', { password: user.password });
    await told();
    for (const table of ['notifications', 'notification_preferences']) {
      const { rowCount } = await client.query(`select from micropay.${table} where user_id = $1`, [user.id]);
      expect([table, rowCount]).toEqual([table, 0]);
    }
    expect(await typesOf(other)).toEqual(['money_in']);
  });

  it('an account that is closed while its user is told keeps nothing of it', async () => {
    const user = await someone(0n);
    const database = connect(server.databaseUrl, 'micropay');
    const sink = createNotificationSink({
      database,
      ledger: 'main',
      mails: createMails('main', false),
      announce,
      keptDays: 90,
    });
    await Promise.all([
      done(user.token, 'POST /v1/me/close', { password: user.password }),
      ...Array.from({ length: 20 }, (_, at) => sink.publish([paymentTo(user, `race-${at}`, new Date())])),
    ]);
    await database.destroy();
    const { rowCount } = await client.query('select from micropay.notifications where user_id = $1', [user.id]);
    expect(rowCount).toBe(0);
  });
});

describe('notifications by mail', () => {
  it('a mail is sent in the language of its user, to a confirmed email and for types that were chosen alone', async () => {
    const [payer, payee] = [await someone(), await someone(0n)];
    const unconfirmed = await registerUser(server.url);
    for (const user of [payee, unconfirmed]) {
      await prefer(user, { language: 'de', types: { money_in: { mail: true } } });
    }
    await Promise.all([pay(payer, payee), pay(payer, unconfirmed)]);
    const mail = await mailTo(payee);
    expect(mail.subject).toContain('Sie_haben_12=2C50');
    expect(mail.text).toContain('Benachrichtigungseinstellungen');
    await told();
    expect([mailsTo(payer).length, mailsTo(unconfirmed).length]).toEqual([0, 0]);
    expect(await typesOf(unconfirmed)).toEqual(['money_in']);
  });

  it('a mail that waits is not sent once its user does not want it any more', async () => {
    const [payer, payee] = [await someone(), await someone(0n)];
    await prefer(payee, { types: { money_in: { mail: true, inbox: false } } });
    smtp.answer = () => ({ responseCode: 451 });
    await pay(payer, payee);
    await mailTo(payee);
    smtp.answer = () => undefined;
    await prefer(payee, { types: { money_in: { mail: false } } });
    const waiting = () => client.query('select from micropay.mails where user_id = $1', [payee.id]);
    await expect.poll(async () => (await waiting()).rowCount).toBe(1);
    await client.query('update micropay.mails set due_at = now() where user_id = $1', [payee.id]);
    await expect.poll(async () => (await waiting()).rowCount, SOON).toBe(0);
    expect([mailsTo(payee).length, await typesOf(payee)]).toEqual([1, []]);
  });

  it('a user gets a bounded number of mails an hour, and the rest in the inbox', async () => {
    const [payer, payee] = [await someone(), await someone(0n)];
    await prefer(payee, { types: { money_in: { mail: true } } });
    await client.query(
      `insert into micropay.notifications (ledger, id, user_id, type, happened_at, data, in_inbox, mailed)
        select 'main', gen_random_uuid(), $1, 'new_device', now(), '{}', false, true from generate_series(1, 5)`,
      [payee.id],
    );
    const count = MAILS_PER_HOUR + 5;
    for (let one = 0; one < count; one += 1) await pay(payer, payee, '1');
    await told();
    const { rows } = await client.query(
      "select count(*)::int as all, (count(*) filter (where mailed))::int as mailed from micropay.notifications where user_id = $1 and type = 'money_in'",
      [payee.id],
    );
    expect(rows).toEqual([{ all: count, mailed: MAILS_PER_HOUR }]);
  });
});

describe('notifications after crashes', () => {
  it('events that are delivered again are neither told nor mailed again, also when the mail has gone out', async () => {
    const [payer, payee] = [await someone(), await someone(0n)];
    await prefer(payee, { types: { money_in: { mail: true } } });
    await pay(payer, payee);
    await mailTo(payee);
    await told();
    const rows = async () => (await client.query('select id, read_at from micropay.notifications order by id')).rows;
    const before = await rows();
    // As when a server was killed after it had written them, and before it moved the cursor.
    await relay.replay('main', 0n);
    await told();
    expect(await rows()).toEqual(expect.arrayContaining(before));
    expect((await typesOf(payee)).length).toBe(1);
    await expect.poll(async () => (await client.query('select from micropay.mails')).rowCount, SOON).toBe(0);
    expect(mailsTo(payee).length).toBe(1);
  });

  it('servers that are killed again and again tell of each payment once', { timeout: 120_000 }, async () => {
    const own = await startTestServer();
    const [payer, payee] = [await registerUser(own.url, { balance: 1_000n }), await registerUser(own.url)];
    const environment = { DATABASE_URL: own.databaseUrl, NOTIFICATIONS: 'on' };
    const body = { ...payment(payer, payee), amount: '1' };
    const ids = new Set<string>();
    let paying = true;
    let begun = runMain(environment);
    await begun.listening();
    const payments = (async () => {
      while (paying && ids.size < 300) {
        const reply = await call(own.url, 'POST /v1/transfers', { token: payer.token, key: randomUUID(), body });
        ids.add(reply.body.id);
      }
    })();
    for (const _ of [1, 2]) {
      await begun.stop('SIGKILL');
      begun = runMain(environment);
      await begun.listening();
    }
    paying = false;
    await payments;
    const ownClient = new pg.Client({ connectionString: own.databaseUrl });
    await ownClient.connect();
    const toldOf = async (): Promise<readonly string[]> => {
      const { rows } = await ownClient.query(
        `select data ->> 'transfer' as transfer from micropay.notifications where user_id = $1 and type = 'money_in'`,
        [payee.id],
      );
      return rows.map(({ transfer }) => transfer as string).sort();
    };
    await expect.poll(async () => (await toldOf()).length, SOON).toBe(ids.size);
    expect(await toldOf()).toEqual([...ids].sort());
    await ownClient.end();
    await begun.stop();
    await own.stop();
  });

  it('metrics show how far users have been told', async () => {
    await told();
    expect(await readMetric(server.url, 'micropay_notifications_lag_rows')).toBe(0);
    expect(await readMetric(server.url, 'micropay_notifications_lag_seconds')).toBe(0);
  });
});

describe('preferences of notifications', () => {
  it('what is left out of a change stays, null takes a threshold away, and two changes at once both count', async () => {
    const user = await someone();
    const get = () => done(user.token, 'GET /v1/me/notification-preferences');
    const before = await get();
    expect(before).toMatchObject({
      language: 'en',
      lowBalances: {},
      types: { money_in: { inbox: true, mail: false } },
    });
    await Promise.all([
      prefer(user, { lowBalances: { USD: '1', EUR: '2' } }),
      prefer(user, { language: 'de' }),
      prefer(user, { types: { refund: { mail: true } } }),
    ]);
    await prefer(user, { lowBalances: { USD: null } });
    const types = { ...before.types, refund: { inbox: true, mail: true } };
    expect(await get()).toEqual({ language: 'de', types, lowBalances: { EUR: '2' } });
  });

  it.each<[string, object]>([
    ['a language that is not there', { language: 'fr' }],
    ['a type that is not there', { types: { gossip: { mail: true } } }],
    ['a channel that is not there', { types: { money_in: { pigeon: true } } }],
    ['a threshold that is no amount', { lowBalances: { USD: '-1' } }],
    ['a threshold in no currency', { lowBalances: { __proto__x: '1' } }],
    ['too many thresholds', { lowBalances: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`A${n}`, '1'])) }],
  ])('preferences with %s are refused', async (_what, body) => {
    const user = await registerUser(server.url);
    const reply = await call(server.url, 'PATCH /v1/me/notification-preferences', { token: user.token, body });
    expect([reply.status, reply.body.code]).toEqual([400, 'invalid_request']);
  });

  it('thresholds are bounded over all changes together', async () => {
    const user = await registerUser(server.url);
    const many = (from: number) => Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`A${n + from}`, '1']));
    await prefer(user, { lowBalances: many(0) });
    const reply = await call(server.url, 'PATCH /v1/me/notification-preferences', {
      token: user.token,
      body: { lowBalances: many(30) },
    });
    expect(reply.body.code).toBe('invalid_request');
  });
});
