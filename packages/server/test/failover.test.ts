import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DatabaseProxy,
  type LocalPostgres,
  type LocalReplica,
  startDatabaseProxy,
  startReplica,
  startTemporaryPostgres,
} from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { call, registerUser, type TestUser } from './support/call.js';
import { type Payments, startPayments } from './support/payments.js';
import { randomNumbers } from './support/random.js';
import { OPERATOR_KEY, testConfig } from './support/test-server.js';

const USERS = 4;
const PAYMENTS_PER_SECOND = 20;
const RESUMES_WITHIN_MS = 5_000;
const ANSWER_TIMEOUT_MS = 30_000;
const FOLLOWER_BALANCE = 1_000_000n;

interface Site {
  readonly primary: LocalPostgres;
  readonly replica: LocalReplica;
  readonly proxy: DatabaseProxy;
}

/** The old primary no longer takes writes, and the sockets to it stay open and answer. */
async function demote({ primary }: Site): Promise<void> {
  await sqlOn(primary.url, 'alter system set default_transaction_read_only = on');
  await sqlOn(primary.url, 'select pg_reload_conf()');
}

/** The old primary comes back as a standby, before the proxy knows of the new one. */
async function restartAsStandby({ primary }: Site): Promise<void> {
  await primary.restart({ asStandby: true });
}

/** Packets to the old primary are lost, and no connection is closed. */
async function loseTheWay({ proxy }: Site): Promise<void> {
  proxy.silence();
}

describe.each([
  ['is read-only', demote],
  ['is a standby', restartAsStandby],
  ['hangs', loseTheWay],
])('when a replica is promoted and the old primary %s', (_name, fence) => {
  let site: Site;
  let servers: readonly RunningServer[];
  let users: readonly TestUser[];
  let follower: Follower;

  beforeAll(async () => {
    const primary = await startTemporaryPostgres({ durable: false });
    const url = await primary.database('micropay');
    const replica = await startReplica(primary, { synchronous: true });
    const proxy = await startDatabaseProxy(url);
    site = { primary, replica, proxy };
    const config = testConfig(proxy.url);
    servers = [await startServer(config), await startServer(config)];
    const [{ url: server }] = servers as [RunningServer];
    users = await Promise.all(Array.from({ length: USERS }, () => registerUser(server, { balance: 1_000_000n })));
    const [payer, payee] = [await registerUser(server, { balance: FOLLOWER_BALANCE }), await registerUser(server)];
    follower = followOneWallet(servers, payer, payee);
  });
  afterAll(async () => {
    await follower?.stop();
    await Promise.all((servers ?? []).map((server) => server.close().catch(() => undefined)));
    await site?.proxy.close();
    site?.replica.stop();
    site?.primary.stop();
  });

  it('writes resume by themselves, nothing stale is read, readiness says the truth, and nothing is lost or doubled', async () => {
    const { replica, proxy } = site;
    const [{ url }] = servers as [RunningServer];
    const payments = startPayments({ url, users, perSecond: PAYMENTS_PER_SECOND, random: randomNumbers(1) });
    await until(() => payments.acknowledged.size > PAYMENTS_PER_SECOND);
    expect(await readiness(servers)).toEqual([200, 200]);
    const pace = Math.max(...payments.durationsMs);

    await fence(site);
    await until(async () => (await readiness(servers)).every((status) => status === 503));
    // A server that cannot write says so for as long as that is.
    for (let look = 0; look < 10; look += 1) {
      expect(await readiness(servers)).toEqual([503, 503]);
      expect((await call(url, 'GET /livez')).status).toBe(200);
      await sleep(100);
    }
    const acknowledgedBefore = payments.acknowledged.size;

    await replica.promote();
    const promotedAtMs = performance.now();
    proxy.switchTo(await replica.database('micropay'));
    await until(() => payments.acknowledged.size > acknowledgedBefore);
    const resumedAfterMs = performance.now() - promotedAtMs;
    // A machine on which a payment takes long is given the time of some more of them.
    expect(resumedAfterMs).toBeLessThan(RESUMES_WITHIN_MS + 20 * pace);
    await until(async () => (await readiness(servers)).every((status) => status === 200));

    await sleep(1_000);
    await payments.stop();
    expect(await follower.stop()).toEqual([]);
    await expectEachOnce(await replica.database('micropay'), payments);
    const { body } = await call(url, 'GET /v1/verify', { token: OPERATOR_KEY, timeoutMs: ANSWER_TIMEOUT_MS });
    expect(body).toMatchObject({ ok: true, problems: [] });
  });
});

async function readiness(servers: readonly RunningServer[]): Promise<readonly number[]> {
  return Promise.all(
    servers.map(async ({ url }) => (await call(url, 'GET /readyz', { timeoutMs: ANSWER_TIMEOUT_MS })).status),
  );
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUpAtMs = performance.now() + 20_000; !(await isTrue()); await sleep(20)) {
    if (performance.now() > giveUpAtMs) throw new Error('it did not become true in 20 seconds');
  }
}

async function sqlOn<Row extends pg.QueryResultRow>(url: string, text: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function expectEachOnce(databaseUrl: string, payments: Payments): Promise<void> {
  const rows = await sqlOn<{ id: string }>(
    databaseUrl,
    `select t.id from micropay.transfers t join micropay.accounts f on f.id = t.from_account
     where f.address like 'users:%' and t.amount <= 100`,
  );
  const posted = new Set(rows.map(({ id }) => id));
  expect([...payments.acknowledged.values()].filter((id) => !posted.has(id))).toEqual([]);
  expect(payments.acknowledged.size).toBe(payments.begun);
}

interface Follower {
  /** Answers what was read of a wallet and was not what had been acknowledged. */
  stop(): Promise<readonly string[]>;
}

/**
 * Pays cent by cent from one wallet, and after every response reads the wallet at each server. A read must include exactly
 * the acknowledged payments, and perhaps the one whose response was lost.
 */
function followOneWallet(servers: readonly RunningServer[], payer: TestUser, payee: TestUser): Follower {
  const stale: string[] = [];
  let acknowledged = 0n;
  let isStopped = false;

  async function payOne(key: string): Promise<boolean> {
    const [{ url }] = servers as [RunningServer];
    const body = { from: payer.wallet, to: payee.wallet, amount: '1', currency: 'USD' };
    const reply = await call(url, 'POST /v1/transfers', { token: payer.token, key, body, timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    return reply?.status === 201;
  }

  async function readAt({ url }: RunningServer, inDoubt: bigint): Promise<void> {
    const reply = await call(url, `GET /v1/wallets/${payer.wallet}`, { token: payer.token, timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    if (reply?.status !== 200) return;
    const paid = FOLLOWER_BALANCE - BigInt(reply.body.balance);
    if (paid < acknowledged || paid > acknowledged + inDoubt) {
      stale.push(`${paid} of ${acknowledged} payments, and ${inDoubt} in doubt`);
    }
  }

  const running = (async () => {
    while (!isStopped) {
      const key = randomUUID();
      for (let isPaid = false; !isPaid && !isStopped; ) {
        isPaid = await payOne(key);
        if (isPaid) acknowledged += 1n;
        await Promise.all(servers.map((server) => readAt(server, isPaid ? 0n : 1n)));
        await sleep(20);
      }
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await running;
      return stale;
    },
  };
}
