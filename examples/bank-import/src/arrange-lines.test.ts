import { describe, expect, it } from 'vitest';
import { arrangeLines } from './arrange-lines.js';
import type { BankLine } from './bank-line.js';

const CASH = { address: 'world:cash', type: 'asset', description: 'cash' } as const;

/** A line of account 1 on one day: its change and the balance recorded after it. */
function line(transId: string, change: number, recordedBalance: number, other: Partial<BankLine> = {}): BankLine {
  return {
    line: Number(transId),
    transId,
    accountId: '1',
    date: '930101',
    direction: change > 0 ? 'credit' : 'debit',
    counterparty: CASH,
    amount: BigInt(Math.abs(change)),
    recordedBalance: BigInt(recordedBalance),
    purpose: '',
    ...other,
  };
}

const order = (lines: readonly BankLine[]) => arrangeLines(lines).map(({ transId }) => transId);

describe('arrangeLines', () => {
  it.each<[name: string, lines: readonly BankLine[], expected: readonly string[]]>([
    ['by day', [line('1', 100, 300, { date: '930102' }), line('2', 200, 200)], ['2', '1']],
    ['by the recorded balances within a day', [line('1', 50, 150), line('2', 100, 100)], ['2', '1']],
    [
      'when two lines fit and one of them is a dead end',
      [line('1', 100, 100), line('2', 100, 150), line('3', -50, 50)],
      ['1', '3', '2'],
    ],
    ['when the bank rounded a balance', [line('1', 50, 155), line('2', 107, 100)], ['2', '1']],
    ['exactly where rounding would do as well', [line('1', 3, 5), line('2', 2, 2)], ['2', '1']],
    [
      'from where the file begins in an account that is older',
      [line('1', 50, 1_050), line('2', -100, 1_000)],
      ['2', '1'],
    ],
    ['as in the file when no order fits', [line('1', 50, 900), line('2', 100, 100)], ['1', '2']],
  ])('orders %s', (_name, lines, expected) => {
    expect(order(lines)).toEqual(expected);
  });

  it('arrangeLines leaves every other account where it is', () => {
    const other = { accountId: '2' };
    const lines = [line('1', 50, 150), line('2', 7, 7, other), line('3', 100, 100), line('4', 1, 8, other)];
    expect(order(lines)).toEqual(['3', '2', '1', '4']);
  });

  it('arrangeLines goes on from the day before', () => {
    const next = { date: '930102' };
    const lines = [line('1', 100, 100), line('2', -100, 0, next), line('3', 100, 100, next), line('4', -100, 0, next)];
    expect(order(lines)).toEqual(['1', '2', '3', '4']);
  });

  it('arrangeLines gives up after a bounded search', () => {
    // Every order of these lines fits but for the last line, which never does.
    const lines = [...Array.from({ length: 40 }, (_, index) => line(`${index}`, 1, 0)), line('40', 1, 900)];
    expect(order(lines)).toHaveLength(41);
  });
});
