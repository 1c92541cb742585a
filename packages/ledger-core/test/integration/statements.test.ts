import { type Ledger, type Statement, statementCsv, statementJson } from '@micropay/ledger-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let ledger: Ledger;
const march = { from: '2026-03-01', to: '2026-04-01', by: 'effective' } as const;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { alice: 0n });
  const pay = (effectiveAt: string, amount: bigint, description?: string) =>
    ledger.transfers.post({
      from: 'world',
      to: 'alice',
      amount,
      currency: 'USD',
      effectiveAt: new Date(effectiveAt),
      ...(description === undefined ? {} : { description }),
    });
  await pay('2026-03-31T23:59:59.999Z', 40n, 'Last, "quoted",\nof March');
  await pay('2026-02-28T23:59:59.999Z', 1n);
  await pay('2026-03-01T00:00:00.000Z', 1_002n, '=HYPERLINK("http://example.com")');
  await pay('2026-04-01T00:00:00.000Z', 8n);
});

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

const amountsOf = ({ data }: Statement) => data.map(({ amount }) => amount);

describe('a statement', () => {
  it('a statement has the opening, the entries of the period in order, and the closing', async () => {
    const { opening, closing, data, nextCursor, scale, account } = await ledger.accounts.statement('alice', march);
    expect({ opening, closing, nextCursor, scale }).toEqual({
      opening: 1n,
      closing: 1_043n,
      nextCursor: null,
      scale: 2,
    });
    expect(account.address).toBe('alice');
    expect(data.map(({ amount, balance }) => [amount, balance])).toEqual([
      [1_002n, 1_003n],
      [40n, 1_043n],
    ]);
  });

  it('a statement opens with what the one before closed with', async () => {
    const february = await ledger.accounts.statement('alice', { ...march, from: '2026-02-01', to: '2026-03-01' });
    const april = await ledger.accounts.statement('alice', { ...march, from: '2026-04-01', to: '2026-05-01' });
    expect([february.closing, april.opening]).toEqual([1n, 1_043n]);
    expect([february, april].map(amountsOf)).toEqual([[1n], [8n]]);
  });

  it('a statement has days of the ledger’s zone, on which summer time may begin', async () => {
    await ledger.setTimeZone('Europe/Berlin');
    const days = { from: '2026-03-29', to: '2026-03-30', by: 'effective' } as const;
    const { from, to } = await ledger.accounts.statement('alice', days);
    await ledger.setTimeZone('UTC');
    expect([from, to]).toEqual([new Date('2026-03-28T23:00:00Z'), new Date('2026-03-29T22:00:00Z')]);
  });

  it('a statement stays what it was on its first page, whatever is posted before the second', async () => {
    const first = await ledger.accounts.statement('alice', { ...march, limit: 1 });
    await ledger.transfers.post({
      from: 'world',
      to: 'alice',
      amount: 500n,
      currency: 'USD',
      effectiveAt: new Date('2026-03-15T12:00:00Z'),
    });
    const second = await ledger.accounts.statement('alice', { ...march, cursor: first.nextCursor ?? '' });
    expect({ ...second, data: amountsOf(second), all: null }).toEqual({
      ...first,
      data: [40n],
      nextCursor: null,
      all: null,
    });
    expect(second.data[0]?.balance).toBe(first.closing);
    expect((await ledger.accounts.statement('alice', march)).closing).toBe(1_543n);
  });

  it('a statement by recorded time ends with the balance of now', async () => {
    const { opening, closing, data } = await ledger.accounts.statement('alice', {
      from: '2026-01-01',
      to: '9999-12-31',
    });
    expect({ opening, closing, last: data.at(-1)?.balance }).toEqual({
      opening: 0n,
      closing: (await ledger.accounts.get('alice')).posted,
      last: closing,
    });
  });

  it('a statement leaves out holds, and has what was captured', async () => {
    await openWallets(ledger, { bob: 10n });
    const { id } = await ledger.holds.place({ from: 'bob', to: 'alice', amount: 7n, currency: 'USD' });
    await ledger.holds.capture(id, { amount: 3n, final: true });
    const { data, closing } = await ledger.accounts.statement('bob', { from: '2026-01-01', to: '9999-12-31' });
    expect(data.map(({ kind, balance }) => [kind, balance])).toEqual([
      ['transfer', 10n],
      ['capture', 7n],
    ]);
    expect(closing).toBe(7n);
  });

  it.each([
    [{ from: '2026-03-01', to: '2026-03-01' }, 'invalid_period'],
    [{ from: '2026-03-02', to: '2026-03-01' }, 'invalid_period'],
    [{ from: 'March', to: '2026-04-01' }, 'invalid_request'],
    [{ from: '2026-03-01', to: '2026-04-01', by: 'posted' }, 'invalid_request'],
    [{ from: '2026-03-01', to: '2026-04-01', limit: 0 }, 'invalid_request'],
    [{ from: '2026-03-01', to: '2026-04-01', cursor: 'next' }, 'invalid_cursor'],
  ])('a statement of %j is refused', async (options, code) => {
    await expect(ledger.accounts.statement('alice', options as never)).rejects.toEqual(refusal(code));
  });

  it('a statement from the first instant that there is begins with nothing', async () => {
    const effectiveAt = new Date('0001-01-01T00:00:00Z');
    await ledger.accounts.open({ address: 'ancient', currency: 'USD' });
    await ledger.transfers.post({ from: 'world', to: 'ancient', amount: 7n, currency: 'USD', effectiveAt });
    const period = { from: '0001-01-01', to: '0001-01-02', by: 'effective' } as const;
    const statement = await ledger.accounts.statement('ancient', period);
    expect(statement).toMatchObject({ opening: 0n, closing: 7n, data: [{ amount: 7n, balance: 7n }] });
  });

  it('a statement does not go on from the page of another period', async () => {
    const { nextCursor } = await ledger.accounts.statement('alice', { ...march, limit: 1 });
    const other = { ...march, to: '2026-04-02', cursor: nextCursor ?? '' };
    await expect(ledger.accounts.statement('alice', other)).rejects.toEqual(refusal('invalid_cursor'));
  });
});

describe('written down', () => {
  it('a statement as CSV has decimals, quotes where needed, and no formula', async () => {
    const statement = await ledger.accounts.statement('alice', { ...march, limit: 1 });
    const csv = await textOf(statementCsv(statement));
    const lines = csv.split('\r\n');
    expect(lines[0]).toBe(
      'effective_at,recorded_at,transfer_id,kind,counterparty,description,debit,credit,balance,currency',
    );
    expect(lines[1]).toBe('2026-03-01T00:00:00.000Z,,,opening,,,,,0.01,USD');
    expect(lines[2]).toContain(`,"'=HYPERLINK(""http://example.com"")",,10.02,10.03,USD`);
    expect(csv).toContain(',"Last, ""quoted"",\nof March",,0.40,15.43,USD\r\n');
    expect(lines.at(-2)).toBe('2026-04-01T00:00:00.000Z,,,closing,,,,,15.43,USD');
    expect(lines.at(-1)).toBe('');
  });

  it('a statement as JSON is one document with all entries', async () => {
    const statement = await ledger.accounts.statement('alice', { ...march, limit: 1 });
    const document = JSON.parse(await textOf(statementJson(statement)));
    expect(document).toMatchObject({ opening: '1', closing: '1543', scale: 2, from: '2026-03-01T00:00:00.000Z' });
    expect(document.entries.map(({ balance }: { balance: string }) => balance)).toEqual(['1003', '1503', '1543']);
  });
});
