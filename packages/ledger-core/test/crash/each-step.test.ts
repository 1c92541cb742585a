import { createLedger, type Ledger } from '@micropay/ledger-core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { times } from '../support/counts.js';
import { expectAcknowledgedOnce } from '../support/journal-of-keys.js';
import { useOwnPostgres } from '../support/own-postgres.js';
import { type SpawnedClient, spawnClient } from '../support/spawn-client.js';
import { STEPS, type StepProxy, startStepProxy } from '../support/step-proxy.js';
import { expectSound, openWallets, postedOf } from '../support/test-bed.js';

const postgres = useOwnPostgres({ durable: true, revive: true });
const WALLETS = ['a', 'b', 'c', 'd'];
const ROUNDS = times(100);
const NUMBERS = 40 * ROUNDS;
/** Of one number: 10 paid, 6 of 10 held captured, 2 of them taken back. */
const MOVED_EACH = 14n;

let proxy: StepProxy;
let ledger: Ledger;

beforeAll(async () => {
  // It says on the error output that it starts again.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  proxy = await startStepProxy(postgres.url);
  ledger = createLedger({ database: postgres.url });
  await openWallets(ledger, Object.fromEntries(WALLETS.map((address) => [address, 0n])));
});
afterAll(async () => {
  await ledger?.close();
  await proxy?.close();
});

it(`every change happens once, whichever process is killed at whichever step (${ROUNDS} rounds)`, async () => {
  const acknowledged = new Map<string, string>();
  const note = (client: SpawnedClient) => {
    for (const [key, id] of client.acknowledged) {
      expect(acknowledged.get(key) ?? id).toBe(id);
      acknowledged.set(key, id);
    }
  };
  const spawn = (seed: number) => spawnClient(proxy.url, 'main', { first: 0, end: NUMBERS, seed }, 'everyChange');

  let client = spawn(0);
  const struck = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const step = STEPS[round % STEPS.length] ?? 'before the lock';
    const isNode = Math.floor(round / STEPS.length) % 2 === 0;
    await client.untilAcknowledged(client.acknowledged.size + 1 + (round % 7));
    const { pid } = postgres.server;
    await proxy.strikeAt(step, () => (isNode ? client.kill() : process.kill(pid, 'SIGKILL')));
    struck.set(`${isNode ? 'node' : 'postgres'} ${step}`, 1);
    if (isNode) {
      await client.ended;
      note(client);
      client = spawn(round + 1);
    } else {
      await expect.poll(() => postgres.server.pid).not.toBe(pid);
    }
  }
  expect(await client.ended).toBe(0);
  note(client);

  expect(struck.size).toBe(Math.min(ROUNDS, 2 * STEPS.length));
  expect(acknowledged.size).toBe(4 * NUMBERS);
  expect(await expectAcknowledgedOnce((text, values) => postgres.sql(text, values), 'main', acknowledged)).toBe(
    4 * NUMBERS,
  );
  const posted = await Promise.all(WALLETS.map((address) => postedOf(ledger, address)));
  expect(posted.reduce((sum, balance) => sum + balance, 0n)).toBe(BigInt(NUMBERS) * MOVED_EACH);
  expect((await ledger.holds.list('world', { openOnly: true })).data).toEqual([]);
  await expectSound(ledger);
}, 600_000);
