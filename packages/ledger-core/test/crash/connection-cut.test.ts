import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, LedgerError, PostTransfer } from '@micropay/ledger-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { times } from '../support/counts.js';
import { randomNumbers } from '../support/random.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let proxy: TcpProxy;
/** By way of the proxy, and beside it. */
let ledger: Ledger;
let beside: Ledger;
let books = 0;

beforeEach(async () => {
  books += 1;
  proxy = await startTcpProxy(bed.url);
  const name = `book-${books}`;
  beside = bed.ledger({ name });
  await openWallets(beside, { alice: 1_000n, bob: 0n });
  ledger = bed.ledger({ database: proxy.url, name });
  await ledger.transfers.post({ from: 'world', to: 'bob', amount: 1n, currency: 'USD' });
});
afterEach(async () => {
  proxy.isAway = false;
  proxy.isSilent = false;
  await ledger.close();
  await proxy.close();
});

const uuid = (number: number) => `0190b7c4-0000-7000-8000-${String(number).padStart(12, '0')}`;
const pay = (amount: bigint, part: Partial<PostTransfer> = {}): PostTransfer => ({
  from: 'alice',
  to: 'bob',
  amount,
  currency: 'USD',
  ...part,
});

describe.each(['swallow', 'drop'] as const)('a connection cut during commit (%s)', (onCommit) => {
  it.each<[string, Partial<PostTransfer>]>([
    ['neither key nor id', {}],
    ['a key', { idempotencyKey: 'k' }],
    ['an id of the caller’s', { id: uuid(1) }],
    ['both', { idempotencyKey: 'k', id: uuid(1) }],
  ])('posts a transfer with %s once, and answers with its own result', async (_, part) => {
    proxy.onNextCommit = onCommit;
    const transfer = await ledger.transfers.post(pay(60n, part));
    expect(proxy.commitsBroken).toBe(1);
    expect(transfer).toMatchObject({ replayed: false, fromBalance: { posted: 940n }, toBalance: { posted: 61n } });
    expect(await beside.transfers.get(transfer.id)).toMatchObject({ amount: 60n });
    expect(await postedOf(beside, 'bob')).toBe(61n);
    await expectSound(beside);
  });

  it('posts a linked group once', async () => {
    proxy.onNextCommit = onCommit;
    const legs = [pay(60n), pay(5n, { from: 'bob', to: 'world' })];
    const transfers = await ledger.transfers.postLinked(legs);
    expect(transfers.map(({ replayed }) => replayed)).toEqual([false, false]);
    expect(await postedOf(beside, 'bob')).toBe(56n);
    await expectSound(beside);
  });

  it('posts a whole batch once, tells replays from its own, and keeps refusals', async () => {
    const earlier = await ledger.transfers.post(pay(3n, { idempotencyKey: 'earlier' }));
    proxy.onNextCommit = onCommit;
    const results = await ledger.transfers.postMany([
      pay(100n, { idempotencyKey: 'a' }),
      pay(3n, { idempotencyKey: 'earlier' }),
      pay(5_000n),
      pay(100n, { idempotencyKey: 'a' }),
      pay(7n, { id: uuid(2) }),
      pay(897n),
    ]);
    expect(proxy.commitsBroken).toBe(1);
    const words = results.map((one) => (one.ok ? (one.transfer.replayed ? 'replayed' : 'posted') : one.error.code));
    // Told to be posted once at least: the second of the same key may be taken for its first.
    expect(words.toSpliced(3, 1)).toEqual(['posted', 'replayed', 'insufficient_funds', 'posted', 'insufficient_funds']);
    expect(results[1]).toMatchObject({ ok: true, transfer: { id: earlier.id } });
    expect(await postedOf(beside, 'bob')).toBe(1n + 3n + 100n + 7n);
    await expectSound(beside);
  });

  it('posts each transfer once that was sent with it or behind it', async () => {
    proxy.onNextCommit = onCommit;
    const calls = Array.from({ length: 400 }, () => ledger.transfers.post(pay(1n)));
    const transfers = await Promise.all(calls);
    expect(proxy.commitsBroken).toBe(1);
    expect(transfers.filter(({ replayed }) => replayed)).toEqual([]);
    expect(await postedOf(beside, 'bob')).toBe(401n);
    await expectSound(beside);
  });

  it('does not say of an account that it was not opened', async () => {
    proxy.onNextCommit = onCommit;
    await expect(ledger.accounts.open({ address: 'carol', currency: 'USD' })).rejects.toEqual(
      refusal('outcome_unknown', { retryable: true }),
    );
    expect((await beside.accounts.identify('carol')) !== undefined).toBe(onCommit === 'swallow');
  });
});

describe('a database that stays away', () => {
  it('a database that stays away leaves the outcome of a commit unknown, and says which transfer to look for', async () => {
    const hasty = bed.ledger({ database: proxy.url, name: ledger.name, capacity: { attemptsMax: 3 } });
    await hasty.transfers.post(pay(1n));
    proxy.onNextCommit = 'swallow';
    const posting = hasty.transfers.post(pay(60n, { idempotencyKey: 'k' })).catch((error: unknown) => error);
    while (proxy.commitsBroken === 0) await sleep(1);
    proxy.isAway = true;
    const error = (await posting) as LedgerError;
    expect(error).toEqual(refusal('outcome_unknown', { retryable: true }));
    proxy.isAway = false;
    const found = await hasty.transfers.get(String(error.details.transferId));
    expect(found.amount).toBe(60n);
    expect(await hasty.transfers.post(pay(60n, { idempotencyKey: 'k' }))).toMatchObject({
      id: found.id,
      replayed: true,
    });
  });

  it('a database that stays away is unavailable when nothing was sent to be committed, and served again when it is back', async () => {
    proxy.isAway = true;
    proxy.cutAll();
    const unavailable = refusal('database_unavailable', { retryable: true });
    await expect(ledger.transfers.post(pay(60n))).rejects.toEqual(unavailable);
    await expect(ledger.accounts.get('alice')).rejects.toEqual(unavailable);
    await expect(ledger.accounts.open({ address: 'carol', currency: 'USD' })).rejects.toEqual(unavailable);
    proxy.isAway = false;
    expect(await ledger.transfers.post(pay(60n))).toMatchObject({ replayed: false });
    expect(await postedOf(ledger, 'bob')).toBe(61n);
  });

  it('a database that stays away without a word is given up after the time for an answer', async () => {
    const database = { connectionString: proxy.url, connectionTimeoutMillis: 300 };
    const patient = bed.ledger({ database, name: ledger.name, capacity: { answerTimeoutMs: 300 } });
    await patient.transfers.post(pay(1n));
    proxy.isSilent = true;
    const started = performance.now();
    await expect(patient.transfers.post(pay(1n))).rejects.toEqual(refusal('database_unavailable'));
    await expect(patient.accounts.get('alice')).rejects.toEqual(refusal('database_unavailable'));
    // Answers that do not come, then connections that do not come about.
    expect(performance.now() - started).toBeLessThan(10_000);
    proxy.isSilent = false;
    proxy.cutAll();
    expect(await patient.transfers.post(pay(1n))).toMatchObject({ replayed: false });
  });
});

describe('connections that break again and again', () => {
  it.each([
    ['are cut at any moment', () => proxy.cutAll()],
    [
      'lose the answers to their commits',
      () => {
        proxy.onNextCommit = 'swallow';
      },
    ],
    [
      'lose their commits',
      () => {
        proxy.onNextCommit = 'drop';
      },
    ],
    [
      'are ended by PostgreSQL',
      () =>
        void bed.sql(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where datname = current_database() and application_name = 'micropay' and pid <> pg_backend_pid()`,
        ),
    ],
  ])('lose no transfer that was acknowledged, and post none twice: they %s', async (_, breakIt) => {
    const random = randomNumbers(books);
    const acknowledged = new Map<string, string>();
    const unanswered = new Set<string>();
    let isRunning = true;
    // Each time after a few more were acknowledged, so that a slow machine gets on as well.
    const breaking = (async () => {
      for (let goal = 0; isRunning; goal = acknowledged.size + 1 + random(10)) {
        while (isRunning && acknowledged.size < goal) await sleep(1);
        await sleep(random(10));
        breakIt();
      }
    })();
    const count = times(2_000);
    await Promise.all(
      Array.from({ length: 20 }, async (_, client) => {
        for (let number = client; number < count; number += 20) {
          const idempotencyKey = `key-${number}`;
          const request = pay(1n, { from: 'world', to: number % 2 === 0 ? 'alice' : 'bob', idempotencyKey });
          const answer = await ledger.transfers.post(request).catch((error: unknown) => error as LedgerError);
          if ('replayed' in answer) {
            acknowledged.set(idempotencyKey, answer.id);
            expect(answer.replayed).toBe(false);
          } else {
            unanswered.add(idempotencyKey);
            expect(['database_unavailable', 'outcome_unknown', 'transaction_conflict']).toContain(answer.code);
          }
        }
      }),
    );
    isRunning = false;
    await breaking;
    proxy.onNextCommit = 'forward';

    const rows = await bed.sql<{ id: string; same: number }>(
      `select t.id, count(*) over (partition by t.idempotency_hash)::int as same
       from micropay.transfers t join micropay.ledgers l on l.id = t.ledger
       where l.name = $1 and t.idempotency_hash is not null`,
      [ledger.name],
    );
    const posted = new Set(rows.map(({ id }) => id));
    expect(rows.filter(({ same }) => same > 1)).toEqual([]);
    expect([...acknowledged.values()].filter((id) => !posted.has(id))).toEqual([]);
    expect(posted.size).toBeLessThanOrEqual(acknowledged.size + unanswered.size);
    expect(acknowledged.size).toBeGreaterThan(count / 2);
    await expectSound(beside);
  });
});
