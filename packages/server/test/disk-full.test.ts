import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { call, type Reply, registerUser, type TestUser } from './support/call.js';
import { testConfig } from './support/test-server.js';

// The database lies on a small disk of its own, in memory; the log of PostgreSQL itself does not, as it stops without room.

const DISK = '48m';
const FILLER_BYTES = 64 * 2 ** 20;

let disk: string;
let whyNot: string | undefined;
let postgres: LocalPostgres;
let server: RunningServer;
let users: readonly [TestUser, TestUser];

beforeAll(async () => {
  disk = mkdtempSync(join(tmpdir(), 'micropay-disk-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    whyNot = `a small disk needs root: ${stderr}`;
    return;
  }
  postgres = await startTemporaryPostgres({ durable: false });
  const { uid, gid } = statSync(join(postgres.directory, 'cluster'));
  chownSync(disk, uid, gid);
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  await admin.query(`create tablespace small location '${disk}'`);
  await admin.query('create database micropay tablespace small');
  await admin.end();
  server = await startServer(testConfig(await postgres.database('micropay')));
  users = [await registerUser(server.url, { balance: 1_000_000n }), await registerUser(server.url)];
});
afterAll(async () => {
  await server?.close();
  postgres?.stop();
  if (whyNot === undefined) spawnSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

function pay(): Promise<Reply> {
  const [{ token, wallet: from }, { wallet: to }] = users;
  const body = { from, to, amount: '1', currency: 'USD', description: 'x'.repeat(100) };
  return call(server.url, 'POST /v1/transfers', { token, key: randomUUID(), body });
}

function fillDisk(): string {
  const filler = join(disk, 'filler');
  try {
    writeFileSync(filler, Buffer.alloc(FILLER_BYTES));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
  return filler;
}

it('with a full disk, writes and readiness return 503 until there is room again, and nothing has to be restarted', async (context) => {
  if (whyNot !== undefined) context.skip(whyNot);
  expect((await call(server.url, 'GET /readyz')).status).toBe(200);
  const filler = fillDisk();
  // Pages that have room left take some payments still.
  let status = 201;
  while (status === 201) ({ status } = await pay());
  expect(status).toBe(503);
  await expect.poll(async () => (await call(server.url, 'GET /readyz')).status).toBe(503);
  await sleep(1_500);
  const answer = await call(server.url, 'GET /readyz');
  expect([answer.status, answer.body.code]).toEqual([503, 'database_unavailable']);
  expect((await call(server.url, 'GET /livez')).status).toBe(200);

  rmSync(filler);
  await expect.poll(async () => (await call(server.url, 'GET /readyz')).status).toBe(200);
  expect((await pay()).status).toBe(201);
});
