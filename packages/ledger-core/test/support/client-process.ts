// A client in a process of its own, to be killed: posts keys from a range, many at once and again until each is
// posted, and prints `key id` when one is acknowledged. Arguments: database URL, ledger, first key, end, seed.
import { createLedger, LedgerError } from '@micropay/ledger-core';
import { randomNumbers } from './random.js';

const [database = '', name = '', first = '0', end = '0', seed = '0'] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
const ledger = createLedger({ database, name });
const WALLETS = ['a', 'b', 'c', 'd'];
let next = Number(first);

async function postAll(): Promise<void> {
  while (next < Number(end)) {
    const key = next;
    next += 1;
    await postUntilAnswered(key);
  }
}

async function postUntilAnswered(key: number): Promise<void> {
  const request = {
    from: 'world',
    to: WALLETS[key % WALLETS.length] ?? '',
    amount: BigInt(1 + (key % 100)),
    currency: 'USD',
    idempotencyKey: `key-${key}`,
  };
  for (;;) {
    try {
      const { id } = await ledger.transfers.post(request);
      process.stdout.write(`${key} ${id}\n`);
      return;
    } catch (error) {
      if (!(error instanceof LedgerError && error.retryable)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 + random(40)));
    }
  }
}

await Promise.all(Array.from({ length: 16 }, postAll));
await ledger.close();
