import { type Ledger, LedgerError, type LinkedLeg } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { openWallets, postedOf, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { alice: 100n, bob: 0n, small: 3n, frozen: 10n, closed: 0n });
  await ledger.accounts.setLimits('small', { maximum: 5n });
  await ledger.accounts.freeze('frozen');
  await ledger.accounts.close('closed');
  await ledger.accounts.open({ address: 'euro', currency: 'EUR' });
});

const pay = (from: string, to: string, amount = 1n) => ({ from, to, amount, currency: 'USD' });

async function refusalOf(work: Promise<unknown>): Promise<LedgerError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LedgerError)) throw new Error('it was not refused');
  return error;
}

/** Each refusal that is about one account: whose it is, and what its sentence and details say. */
const TABLE: readonly (readonly [LinkedLeg, string, string, Record<string, string>, string])[] = [
  [
    pay('alice', 'bob', 500n),
    'insufficient_funds',
    'alice',
    { available: '100', needed: '500', currency: 'USD' },
    'account alice has 100 USD available, and 500 is needed',
  ],
  [
    pay('alice', 'small', 9n),
    'maximum_exceeded',
    'small',
    { maximum: '5', room: '2', needed: '9', currency: 'USD' },
    'account small may hold at most 5 USD: 2 can still come in, and not 9',
  ],
  [pay('frozen', 'bob'), 'account_frozen', 'frozen', { side: 'debits' }, 'account frozen is frozen for debits'],
  [pay('alice', 'frozen'), 'account_frozen', 'frozen', { side: 'credits' }, 'account frozen is frozen for credits'],
  [pay('alice', 'closed'), 'account_closed', 'closed', {}, 'account closed is closed'],
  [
    pay('alice', 'euro'),
    'currency_mismatch',
    'euro',
    { currency: 'EUR', asked: 'USD' },
    'account euro holds EUR, not USD',
  ],
];

describe('a refusal for what an account is or has names its address and the amounts', () => {
  it.each(TABLE.map((row) => [row[4], row] as const))('%s', async (message, [leg, code, address, details]) => {
    const { id: accountId } = (await ledger.accounts.identify(address)) ?? {};
    const expected = { code, message, details: { accountId, address, ...details } };
    expect(await refusalOf(ledger.transfers.post(leg as never))).toMatchObject(expected);

    const linked = await refusalOf(ledger.transfers.postLinked([pay('world', 'bob'), leg]));
    expect(linked).toMatchObject({ code, message: `leg 1: ${message}`, details: { address, leg: 1 } });

    const [one] = await ledger.transfers.postMany([leg as never]);
    expect(one).toMatchObject({ ok: false, error: expected });

    const client = await bed.connect();
    await client.query('begin');
    expect(await refusalOf(ledger.within(fromPg(client)).transfers.post(leg as never))).toMatchObject(expected);
    await client.query('rollback');

    const { id } = await ledger.requests.submit({ ...(leg as ReturnType<typeof pay>), idempotencyKey: message });
    await ledger.requests.processRequests();
    expect((await ledger.requests.get(id)).refusal).toEqual(expected);
  });

  it('a refusal for what an account is or has names its address and the amounts when it continues another, and nobody has looked its accounts up', async () => {
    const { id } = await ledger.transfers.post(pay('alice', 'bob', 4n));
    await ledger.transfers.post(pay('bob', 'world', 4n));
    const error = await refusalOf(bed.ledger().transfers.reverse(id));
    expect(error.message).toBe('account bob has 0 USD available, and 4 is needed');
  });

  it.each([
    ['a minimum', { minimum: 1_000n }, /^account alice has \d+ USD less what is held, which is below 1000$/],
    ['a maximum', { maximum: 1n }, /^account alice has \d+ USD with what is held for it, which is above 1$/],
  ] as const)(
    'a refusal for what an account is or has names its address and the amounts when %s cannot be set',
    async (_name, limits, message) => {
      const error = await refusalOf(ledger.accounts.setLimits('alice', limits));
      expect(error.message).toMatch(message);
      expect(error.details).toMatchObject({ address: 'alice', balance: expect.any(String), value: expect.any(String) });
    },
  );
});

describe('a dry run of "from"', () => {
  it('a dry run of "from" says nothing of what the payee may take, and posts nothing', async () => {
    await ledger.transfers.post({ ...pay('alice', 'small', 9n), dryRun: 'from' });
    expect(await postedOf(ledger, 'small')).toBe(3n);
    const code = 'maximum_exceeded';
    expect(await refusalOf(ledger.transfers.post({ ...pay('alice', 'small', 9n), dryRun: true }))).toMatchObject({
      code,
    });
  });

  it('a dry run of "from" says what the payer lacks', async () => {
    const code = 'insufficient_funds';
    const tried = ledger.transfers.post({ ...pay('alice', 'small', 900n), dryRun: 'from' });
    expect(await refusalOf(tried)).toMatchObject({ code });
  });
});
