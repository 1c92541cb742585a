import { setTimeout as sleep } from 'node:timers/promises';
import { createLedger, type Ledger, type VerifyOptions } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Database } from '../src/database/connect.js';
import { migrateServer } from '../src/process/migrate-server.js';
import { createScheduledVerification } from '../src/verification/scheduled-verification.js';
import { createVerifications } from '../src/verification/verifications.js';
import { registerUser } from './support/call.js';
import { readMetric } from './support/metrics.js';
import { startTestServer, type TestServer } from './support/test-server.js';

const TIMEOUT_MS = 12_000;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly problemsFound?: number;
  readonly problems?: readonly { readonly kind: string }[];
}

/** A logger whose lines a test reads. */
function recordingLog() {
  const lines: Line[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { lines, log };
}

const verified = ({ msg }: Line) => msg.startsWith('the ledger was verified');

describe('a server that verifies on a schedule', () => {
  let server: TestServer;
  let lines: Line[];
  let intruder: pg.Client;

  beforeEach(async () => {
    const recording = recordingLog();
    lines = recording.lines;
    server = await startTestServer({ verifyEverySeconds: 2 }, recording.log);
    intruder = new pg.Client({ connectionString: server.databaseUrl });
    await intruder.connect();
  });
  afterEach(async () => {
    await intruder.end();
    await server.stop();
  });

  it('a server verifies its ledger on its schedule, and its metrics say when and what was found', async () => {
    await registerUser(server.url, { balance: 10n });
    await expect.poll(() => lines.filter(verified).length, { timeout: TIMEOUT_MS }).toBe(2);
    expect(lines.filter(verified)[1]).toMatchObject({ level: 30, ledger: 'main', transfers: 1 });
    expect(await readMetric(server.url, 'micropay_verify_interval_seconds')).toBe(2);
    expect(await readMetric(server.url, 'micropay_verify_age_seconds')).toBeLessThan(5);
    expect(await readMetric(server.url, 'micropay_verify_problems')).toBe(0);
    expect(await readMetric(server.url, 'micropay_verify_duration_seconds')).toBeGreaterThan(0);
  });

  it('a server that finds its ledger damaged logs an error with what was found, and its metrics count it', async () => {
    await registerUser(server.url, { balance: 10n });
    // Not in the middle of a run, which would find a part of the damage.
    await expect.poll(() => lines.filter(verified).length, { timeout: TIMEOUT_MS }).toBeGreaterThan(0);
    await intruder.query('set session_replication_role = replica');
    await intruder.query('update micropay.balances set debits_posted = debits_posted + 5 where debits_posted > 0');
    const failed = () => lines.find(({ level, problemsFound }) => level === 50 && problemsFound !== undefined);
    await expect.poll(failed, { timeout: TIMEOUT_MS }).toBeDefined();
    const { problemsFound = 0, problems = [] } = failed() ?? {};
    expect(problemsFound).toBeGreaterThan(0);
    expect(problems.map(({ kind }) => kind)).toContain('wrong_balance');
    await expect.poll(() => readMetric(server.url, 'micropay_verify_problems')).toBe(problemsFound);
  });
});

describe('verifications', () => {
  let database: TestDatabase;
  let sql: Database;
  let ledger: Ledger;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
    await migrateServer({ database: database.url });
    sql = connect(database.url, 'micropay');
    ledger = createLedger({ database: database.url });
    for (let number = 0; number < 40; number += 1) {
      await ledger.accounts.open({ address: `users:${number}`, currency: 'USD' });
    }
  });
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
    await ledger.close();
    await sql.destroy();
    await database.drop();
  });

  /** A server's part that verifies, over and over. */
  function verifier({ leaseSeconds = 60, verify = ledger.verify }: Partial<Slowly> = {}) {
    const { lines, log } = recordingLog();
    const verifications = createVerifications(sql, ledger.name, leaseSeconds);
    const scheduled = createScheduledVerification({
      ledger: { name: ledger.name, verify },
      verifications,
      everySeconds: 1,
      log,
    });
    stops.push(scheduled.stop);
    scheduled.start();
    return { lines, stop: scheduled.stop, status: verifications.status };
  }

  interface Slowly {
    readonly leaseSeconds: number;
    readonly verify: Ledger['verify'];
  }

  /** A run that takes a second or more: a snapshot for each account, and a rest after it. */
  async function slowly(options: VerifyOptions = {}) {
    return ledger.verify({
      ...options,
      accountsPerChunk: 1,
      onProgress: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25),
    });
  }

  it('of several servers one verifies at a time, and no sooner than the interval says', async () => {
    let underWay = 0;
    let most = 0;
    const starts: number[] = [];
    const verify = async (options?: VerifyOptions) => {
      starts.push(performance.now());
      underWay += 1;
      most = Math.max(most, underWay);
      // Long enough for the others to look.
      await sleep(600);
      return ledger.verify({ ...options, pace: 'full' }).finally(() => {
        underWay -= 1;
      });
    };
    for (let server = 0; server < 3; server += 1) verifier({ verify });
    await expect.poll(() => starts.length, { timeout: TIMEOUT_MS }).toBe(2);
    expect(most).toBe(1);
    const [first = 0, second = 0] = starts;
    expect(second - first).toBeGreaterThan(1_600);
  });

  it('a server takes over from one that died in the middle, when its claim has lapsed', async () => {
    const dead = await createVerifications(sql, ledger.name, 2).claim(1);
    expect(dead).toBeDefined();
    const diedAtMs = performance.now();
    const { lines } = verifier();
    await expect.poll(() => lines.filter(verified).length, { timeout: TIMEOUT_MS }).toBe(1);
    expect(performance.now() - diedAtMs).toBeGreaterThan(1_900);
  });

  it.each([
    ['nothing is due for the rest of the interval', 0, false],
    ['problems are looked for again within the hour', 3, true],
  ])('of a verification two hours ago, %s', async (_, problems_found, isDue) => {
    const { claim } = createVerifications(sql, ledger.name);
    await (await claim(86_400))?.giveUp();
    const finished_at = new Date(Date.now() - 2 * 3_600_000);
    await sql.updateTable('verifications').set({ finished_at, problems_found, duration_seconds: 1 }).execute();
    expect((await claim(86_400)) !== undefined).toBe(isDue);
  });

  it('a server that is slow keeps its claim', async () => {
    const { lines, status } = verifier({ leaseSeconds: 1, verify: slowly });
    await expect.poll(async () => (await status())?.isRunning).toBe(true);
    const other = createVerifications(sql, ledger.name, 1);
    while (lines.filter(verified).length === 0) {
      expect(await other.claim(3_600)).toBeUndefined();
      await sleep(50);
    }
    expect(await status()).toMatchObject({ problemsFound: 0, isRunning: false });
  });

  it('a server that has lost its claim ends its run, and does not write over what the other one found', async () => {
    const { lines, status } = verifier({ leaseSeconds: 1, verify: slowly });
    await expect.poll(async () => (await status())?.isRunning).toBe(true);
    await sql.updateTable('verifications').set({ holder: crypto.randomUUID() }).execute();
    await expect.poll(() => lines.length, { timeout: TIMEOUT_MS }).toBeGreaterThan(0);
    expect(lines[0]).toMatchObject({ level: 40, err: { message: 'another server verifies by now' } });
    const [row] = await sql.selectFrom('verifications').select('finished_at').execute();
    expect(row).toEqual({ finished_at: null });
  });

  it('a server that stops ends its run at once, and leaves it to another', async () => {
    const { stop, status, lines } = verifier({ verify: slowly });
    await expect.poll(async () => (await status())?.isRunning).toBe(true);
    const stoppedAtMs = performance.now();
    await stop();
    expect(performance.now() - stoppedAtMs).toBeLessThan(500);
    expect(lines).toEqual([]);
    expect((await status())?.isRunning).toBe(false);
    expect(await createVerifications(sql, ledger.name).claim(3_600)).toBeDefined();
  });
});
