import { createRequestWorker, type Ledger, type LedgerError, type SubmitTransferRequest } from '@micropay/ledger-core';
import { expect, it } from 'vitest';
import { times } from '../support/counts.js';
import { randomNumbers } from '../support/random.js';
import { expectSettledOnce } from '../support/settled-requests.js';
import { expectSound, openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const WALLETS = ['a', 'b', 'c', 'd'];

function engine(name: string): Ledger {
  return bed.ledger({ name, capacity: { readConnectionsMax: 2 } });
}

it('workers side by side post each request once, while its key is posted at once elsewhere and money is short', async () => {
  const name = 'side-by-side';
  const ledger = engine(name);
  await openWallets(ledger, Object.fromEntries(WALLETS.map((wallet) => [wallet, 500n])));
  const random = randomNumbers(5);
  const count = times(6_000);
  const orders = Array.from({ length: count }, (_, index): SubmitTransferRequest => {
    const from = random(WALLETS.length);
    const to = (from + 1 + random(WALLETS.length - 1)) % WALLETS.length;
    return {
      from: WALLETS[from] ?? '',
      to: WALLETS[to] ?? '',
      amount: BigInt(1 + random(300)),
      currency: 'USD',
      idempotencyKey: `key-${index}`,
    };
  });

  const errors: unknown[] = [];
  const workers = Array.from({ length: 4 }, () =>
    createRequestWorker({ ledger: engine(name), batchSizeMax: 20, pollMs: 5, onError: (error) => errors.push(error) }),
  );
  for (const worker of workers) worker.start();
  const ids = new Set<string>();
  const submitters = [engine(name), engine(name)];
  // Everybody submits every order, in batches and in another order, and some are posted at once as well.
  await Promise.all([
    ...submitters.map(async (submitter, index) => {
      const own = index === 0 ? orders : orders.toReversed();
      for (let start = 0; start < own.length; start += 25) {
        const results = await submitter.requests.submitMany(own.slice(start, start + 25));
        for (const result of results) {
          if (!result.ok) throw result.error;
          ids.add(result.request.id);
        }
      }
    }),
    ...orders
      .filter((_, index) => index % 7 === 0)
      .map((order) =>
        ledger.transfers.post(order).catch((error: LedgerError) => expect(error.code).toBe('insufficient_funds')),
      ),
  ]);
  expect(ids.size).toBe(count);
  await expect
    .poll(() => expectSettledOnce(bed.sql, name), { timeout: 60_000 })
    .toMatchObject({ open: 0, posted: expect.any(Number), refused: expect.any(Number) });
  await Promise.all(workers.map((worker) => worker.stop()));

  const { posted, refused } = await expectSettledOnce(bed.sql, name);
  expect(posted + refused).toBe(count);
  expect(refused).toBeGreaterThan(0);
  // Requests that another worker was faster to claim are retried; any other error would be a fault.
  expect(errors.filter((error) => (error as LedgerError).retryable !== true)).toEqual([]);
  await expectSound(ledger);
}, 120_000);
