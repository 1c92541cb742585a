import { beforeAll, expect, it } from 'vitest';
import { times } from '../support/counts.js';
import { expectAcknowledgedOnce } from '../support/journal-of-keys.js';
import { randomNumbers } from '../support/random.js';
import { type SpawnedClient, spawnClient } from '../support/spawn-client.js';
import { expectSound, openWallets, postedOf, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const KEYS = 3_000;

beforeAll(async () => {
  for (const name of ['killed', 'together']) {
    await openWallets(bed.ledger({ name }), { a: 0n, b: 0n, c: 0n, d: 0n });
  }
});

/** The total of all wallets if each key was posted exactly once. */
const expectedTotal = (keys: number) =>
  Array.from({ length: keys }, (_, key) => BigInt(1 + (key % 100))).reduce((sum, amount) => sum + amount, 0n);

async function totalOf(name: string): Promise<bigint> {
  const ledger = bed.ledger({ name });
  const balances = await Promise.all(['a', 'b', 'c', 'd'].map((address) => postedOf(ledger, address)));
  return balances.reduce((sum, balance) => sum + balance, 0n);
}

it('a process that is killed again and again loses no acknowledged transfer, and posts none twice', async () => {
  const random = randomNumbers(7);
  const acknowledged = new Map<string, string>();
  const note = (client: SpawnedClient) => {
    for (const [key, id] of client.acknowledged) {
      // A repeated call gets the same id.
      expect(acknowledged.get(key) ?? id).toBe(id);
      acknowledged.set(key, id);
    }
  };
  for (let kill = 0; kill < times(30); kill += 1) {
    // From the first key again: nobody knows what the killed one had reached.
    const client = spawnClient(bed.url, 'killed', { first: 0, end: KEYS, seed: kill });
    await client.untilAcknowledged(acknowledged.size + 1 + random(200));
    client.kill();
    await client.ended;
    note(client);
    await expectAcknowledgedOnce(bed.sql, 'killed', acknowledged);
  }
  const last = spawnClient(bed.url, 'killed', { first: 0, end: KEYS, seed: 99 });
  expect(await last.ended).toBe(0);
  note(last);
  expect(acknowledged.size).toBe(KEYS);
  expect(await expectAcknowledgedOnce(bed.sql, 'killed', acknowledged)).toBe(KEYS);
  expect(await totalOf('killed')).toBe(expectedTotal(KEYS));
  await expectSound(bed.ledger({ name: 'killed' }));
});

it('processes that post the same keys concurrently get the same ids', async () => {
  const keys = times(5_000);
  const clients = Array.from({ length: 3 }, (_, seed) =>
    spawnClient(bed.url, 'together', { first: 0, end: keys, seed }),
  );
  expect(await Promise.all(clients.map(({ ended }) => ended))).toEqual([0, 0, 0]);
  const [first, ...others] = clients.map((client) => [...client.acknowledged].toSorted());
  expect(first).toHaveLength(keys);
  for (const other of others) expect(other).toEqual(first);
  expect(await totalOf('together')).toBe(expectedTotal(keys));
  await expectSound(bed.ledger({ name: 'together' }));
});
