import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { createTestDatabase } from '@micropay/local-postgres/testing';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { connect, type Database } from '../../src/database/connect.js';
import { createMailOutbox, createMails } from '../../src/mail/mail-outbox.js';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { readMetric } from '../support/metrics.js';
import { runMain } from '../support/run-main.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import { startTestServer, type TestServer, testConfig } from '../support/test-server.js';
import { startTestSmtp, type TestSmtp } from '../support/test-smtp.js';

/** Servers look for mails every second. */
const SOON = { timeout: 5_000 };

let smtp: TestSmtp;
let server: TestServer;
let second: RunningServer;
let database: Database;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];
const mails = createMails('main', true);

beforeAll(async () => {
  ({ smtp, server, client, stop } = await startServerWithMail());
  second = await startServer(testConfig(server.databaseUrl, { mail: smtp.settings }));
  database = connect(server.databaseUrl, 'micropay');
});
afterAll(async () => {
  await database?.destroy();
  await second?.close();
  await stop?.();
});
afterEach(() => {
  smtp.answer = () => undefined;
});

function someone(): string {
  return `${randomUUID()}@example.com`;
}

async function ask(to: string, text = 'Something happened.'): Promise<void> {
  await database
    .transaction()
    .execute((transaction) => mails.add(transaction, { kind: 'notice', to, data: { subject: 'Notice', text } }));
}

async function rowOf(to: string) {
  const { rows } = await client.query(
    `select id, attempts, ended, due_at between now() and now() + interval '1 minute' as later from micropay.mails where recipient = $1`,
    [to],
  );
  return rows[0];
}

const receivedBy = (email: string) => smtp.mails.filter(({ to }) => to === email);
/** Makes the next attempt come now. */
const hurry = (to: string) => client.query('update micropay.mails set due_at = now() where recipient = $1', [to]);

describe('a mail', () => {
  it('a mail is sent once by two servers, and its row is deleted', async () => {
    const everyone = Array.from({ length: 20 }, someone);
    await Promise.all(everyone.map((email) => ask(email)));
    await Promise.all(everyone.map((email) => smtp.mailTo(email)));
    await expect.poll(async () => (await client.query('select from micropay.mails')).rowCount, SOON).toBe(0);
    expect(everyone.map((email) => receivedBy(email).length)).toEqual(everyone.map(() => 1));
  });

  it('a mail of a transaction that is rolled back is never sent', async () => {
    const [lost, sent] = [someone(), someone()];
    const rolledBack = database.transaction().execute(async (transaction) => {
      await mails.add(transaction, { kind: 'notice', to: lost, data: { subject: 'Notice', text: 'No.' } });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    await ask(sent);
    await smtp.mailTo(sent);
    expect(receivedBy(lost)).toEqual([]);
  });

  it('a mail has one recipient, a stable id and no answer from machines, whatever its text holds', async () => {
    const to = `o'brien+tag-${randomUUID()}@example.com`;
    await ask(to, 'Zoë 🦊\n.\nBcc: someone@else.example.com');
    const mail = await smtp.mailTo(to);
    expect(mail.text).toBe('Zoë 🦊\n.\nBcc: someone@else.example.com');
    expect(mail.messageId).toMatch(/^<[0-9a-f-]{36}@pay\.example\.com>$/);
    expect(mail.source).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(mail.source).toMatch(/^From: MicroPay <no-reply@pay\.example\.com>\r$/m);
  });

  // 550 may also mean a sender that is not allowed yet, or a quota.
  it.each([451, 550])(
    'a mail whose text is answered with %i is put off, and comes later with the same Message-ID',
    async (responseCode) => {
      const to = someone();
      smtp.answer = () => ({ responseCode });
      await ask(to);
      await expect.poll(() => rowOf(to), SOON).toMatchObject({ attempts: 1, ended: null, later: true });
      smtp.answer = () => undefined;
      await hurry(to);
      const [first, again] = [await smtp.mailTo(to, 1), await smtp.mailTo(to, 2)];
      expect(again.messageId).toBe(first.messageId);
      await expect.poll(() => rowOf(to), SOON).toBeUndefined();
    },
  );

  it('a mail to somebody whom the mail server does not know is not tried again, and metrics count it', async () => {
    const to = someone();
    smtp.unknown = to;
    await ask(to);
    await expect.poll(() => rowOf(to), SOON).toMatchObject({ attempts: 1, ended: 'refused' });
    expect(await readMetric(server.url, 'micropay_mails_refused')).toBe(1);
    expect(await readMetric(server.url, 'micropay_mails_failed')).toBe(0);
  });

  it('a mail is given up after its last attempt, and metrics count it', async () => {
    const to = someone();
    smtp.answer = () => ({ responseCode: 451 });
    await ask(to);
    await vi.waitUntil(async () => (await rowOf(to))?.attempts === 1, SOON);
    await client.query('update micropay.mails set attempts = 13, due_at = now() where recipient = $1', [to]);
    await expect.poll(() => rowOf(to), SOON).toMatchObject({ attempts: 14, ended: 'failed' });
    await expect.poll(() => readMetric(server.url, 'micropay_mails_failed'), SOON).toBe(1);
    const outbox = createMailOutbox(database, 'main');
    await outbox.removeEnded();
    expect(await rowOf(to)).toBeDefined();
    await client.query(`update micropay.mails set due_at = now() - interval '8 days' where recipient = $1`, [to]);
    await outbox.removeEnded();
    expect(await rowOf(to)).toBeUndefined();
  });

  it('a mail waits while an older attempt may still be under way', async () => {
    const to = someone();
    let release: (() => void) | undefined;
    smtp.answer = () => new Promise((resolve) => (release = () => resolve(undefined)));
    await ask(to);
    await vi.waitUntil(() => release, SOON);
    // Both servers look for mails every second.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(receivedBy(to).length).toBe(1);
    release?.();
    await expect.poll(() => rowOf(to), SOON).toBeUndefined();
  });
});

describe('a server that sends mails', () => {
  it('a server that is killed between the sending and the deletion leaves the mail to the next, with the same Message-ID', async () => {
    const own = await startTestSmtp();
    const other = await startTestServer();
    const hung = new Promise<undefined>(() => undefined);
    own.answer = () => hung;
    const killed = runMain({
      DATABASE_URL: other.databaseUrl,
      SMTP_URL: own.url,
      MAIL_FROM: 'no-reply@pay.example.com',
      PUBLIC_URL: 'https://app.example.com',
    });
    await killed.listening();
    const rows = connect(other.databaseUrl, 'micropay');
    const to = someone();
    await mails.add(rows, { kind: 'notice', to, data: { subject: 'Notice', text: 'Once, or twice.' } });
    await own.mailTo(to);
    await killed.stop('SIGKILL');
    own.answer = () => undefined;
    const after = await startServer(testConfig(other.databaseUrl, { mail: own.settings }));
    // As when the lease of the killed one is over.
    const { numUpdatedRows } = await rows
      .updateTable('mails')
      .set({ due_at: new Date(0) })
      .executeTakeFirstOrThrow();
    expect(numUpdatedRows).toBe(1n);
    const [first, again] = [await own.mailTo(to, 1), await own.mailTo(to, 2)];
    expect([again.messageId, again.text]).toEqual([first.messageId, first.text]);
    await expect.poll(() => rows.selectFrom('mails').select('id').execute(), SOON).toEqual([]);
    await rows.destroy();
    await after.close();
    await other.stop();
    await own.stop();
  });

  it('a server stops within its time although the mail server hangs', async () => {
    const silent: Server = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const connected = new Promise((resolve) => silent.once('connection', resolve));
    const stuck = await startTestServer({
      mail: { ...smtp.settings, smtp: { url: `smtp://127.0.0.1:${port}`, tls: true, from: 'a@example.com' } },
    });
    const rows = connect(stuck.databaseUrl, 'micropay');
    await mails.add(rows, { kind: 'notice', to: someone(), data: {} });
    await connected;
    await rows.destroy();
    const startedAtMs = performance.now();
    await stuck.stop();
    expect(performance.now() - startedAtMs).toBeLessThan(9_000);
    silent.close();
  });

  it('a server sends nothing without TLS to another machine, unless it is told to', async () => {
    // The address is this machine too, but it is not one of loopback.
    const url = `smtp://0.0.0.0:${smtp.port}`;
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const settings = (tls: boolean) => ({ ...smtp.settings, smtp: { url, tls, from: 'a@example.com' } });
    const own = await createTestDatabase();
    const strict = await startServer(testConfig(own.url, { mail: settings(true) }), log);
    const to = someone();
    const rows = connect(own.url, 'micropay');
    await mails.add(rows, { kind: 'notice', to, data: { subject: 'Notice', text: 'Secret.' } });
    await vi.waitUntil(() => lines.some((line) => line.includes('ETLS')), SOON);
    await strict.close();
    expect(receivedBy(to)).toEqual([]);
    // What is logged of a failure has neither the recipient nor the text.
    expect(lines.join()).not.toMatch(/Secret|example\.com/);
    const lax = await startServer(testConfig(own.url, { mail: settings(false) }));
    await rows
      .updateTable('mails')
      .set({ due_at: new Date(0) })
      .execute();
    await smtp.mailTo(to);
    await rows.destroy();
    await lax.close();
    await own.drop();
  });

  it('a server without a mail server writes mails to the log, if it is told to, and to nobody else', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const logging = await startTestServer({ mail: { publicUrl: 'http://localhost:3000' } }, log);
    const rows = connect(logging.databaseUrl, 'micropay');
    const to = someone();
    await mails.add(rows, { kind: 'notice', to, data: { subject: 'Notice', text: 'Read me in the log.' } });
    await vi.waitUntil(
      () => lines.some((line) => line.includes(`mail to ${to}: Notice\\n\\nRead me in the log.`)),
      SOON,
    );
    expect(lines.some((line) => line.includes('mails go to this log'))).toBe(true);
    await rows.destroy();
    await logging.stop();
  });
});
