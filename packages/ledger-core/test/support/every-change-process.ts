// A client in a process of its own, to be killed: for each number it pays, places a hold, captures a part of it and
// reverses the capture, each again and again under its own key until it is answered, and prints `key id` then.
// Arguments: database URL, ledger, first number, end, seed.
import { createLedger, LedgerError } from '@micropay/ledger-core';
import { randomNumbers } from './random.js';

const [database = '', name = '', first = '0', end = '0', seed = '0'] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
const ledger = createLedger({ database, name });
const WALLETS = ['a', 'b', 'c', 'd'];
let next = Number(first);

async function changeAll(): Promise<void> {
  while (next < Number(end)) {
    const number = next;
    next += 1;
    await changeEverything(number);
  }
}

async function changeEverything(number: number): Promise<void> {
  const movement = { from: 'world', to: WALLETS[number % WALLETS.length] ?? '', amount: 10n, currency: 'USD' };
  await untilAnswered(`pay-${number}`, (idempotencyKey) => ledger.transfers.post({ ...movement, idempotencyKey }));
  const hold = await untilAnswered(`hold-${number}`, (idempotencyKey) =>
    ledger.holds.place({ ...movement, idempotencyKey }),
  );
  const capture = await untilAnswered(`capture-${number}`, (idempotencyKey) =>
    ledger.holds.capture(hold, { amount: 6n, final: true, idempotencyKey }),
  );
  await untilAnswered(`reverse-${number}`, (idempotencyKey) =>
    ledger.transfers.reverse(capture, { amount: 2n, idempotencyKey }),
  );
}

async function untilAnswered(key: string, change: (key: string) => Promise<{ readonly id: string }>): Promise<string> {
  for (;;) {
    try {
      const { id } = await change(key);
      process.stdout.write(`${key} ${id}\n`);
      return id;
    } catch (error) {
      if (!(error instanceof LedgerError && error.retryable)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 + random(40)));
    }
  }
}

await Promise.all(Array.from({ length: 8 }, changeAll));
await ledger.close();
