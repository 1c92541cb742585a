import { toMinorUnits } from '@micropay/ledger-core';
import { type Counterparty, type Direction, findCounterparty } from './counterparty.js';
import type { LineProblem, LineProblemCode } from './import-error.js';

/** The currency of the whole file, with two digits after the point. */
export const CURRENCY = 'CZK';
export const CURRENCY_SCALE = 2;

/** The columns that are read, under the names they were published with. */
export const COLUMNS = [
  'trans_id',
  'account_id',
  'date',
  'type',
  'operation',
  'amount',
  'balance',
  'k_symbol',
  'bank',
] as const;

export type Fields = Readonly<Record<(typeof COLUMNS)[number], string>>;

/** One line of the file: a movement on one account, as the bank recorded it. */
export interface BankLine {
  /** Its number in the file; the header is line 1. */
  readonly line: number;
  readonly transId: string;
  readonly accountId: string;
  /** `930131`, which sorts as it reads. */
  readonly date: string;
  readonly direction: Direction;
  readonly counterparty: Counterparty;
  /** Minor units. */
  readonly amount: bigint;
  /** The account's balance after it, in minor units, as the bank printed it. */
  readonly recordedBalance: bigint;
  readonly purpose: string;
}

const DIRECTIONS: ReadonlyMap<string, Direction> = new Map([
  ['PRIJEM', 'credit'],
  ['VYDAJ', 'debit'],
  ['VYBER', 'debit'],
]);

const NUMBER_PATTERN = /^[0-9]{1,18}$/;
const AMOUNT_PATTERN = /^[0-9]{1,15}(?:\.[0-9]{1,2})?$/;
const BALANCE_PATTERN = /^-?[0-9]{1,15}(?:\.[0-9]{1,2})?$/;
const BANK_PATTERN = /^[A-Za-z0-9]{0,11}$/;

/** Reads the fields of one line, or says what is wrong with the first of them that is broken. */
export function parseBankLine(fields: Fields, line: number): BankLine | LineProblem {
  const problem = (code: LineProblemCode, message: string): LineProblem => ({ line, code, message });

  if (!NUMBER_PATTERN.test(fields.trans_id)) {
    return problem('invalid_trans_id', `trans_id must be a number, and is ${show(fields.trans_id)}`);
  }
  if (!NUMBER_PATTERN.test(fields.account_id)) {
    return problem('invalid_account_id', `account_id must be a number, and is ${show(fields.account_id)}`);
  }
  if (!isDate(fields.date)) {
    return problem('invalid_date', `date must be a day written as YYMMDD, and is ${show(fields.date)}`);
  }
  const direction = DIRECTIONS.get(fields.type);
  if (direction === undefined) {
    return problem('unknown_type', `type must be PRIJEM, VYDAJ or VYBER, and is ${show(fields.type)}`);
  }
  if (!AMOUNT_PATTERN.test(fields.amount) || toUnits(fields.amount) === 0n) {
    return problem('invalid_amount', `amount must be above zero, such as 1250.50, and is ${show(fields.amount)}`);
  }
  if (!BALANCE_PATTERN.test(fields.balance)) {
    return problem('invalid_balance', `balance must be an amount such as -1250.50, and is ${show(fields.balance)}`);
  }
  if (!BANK_PATTERN.test(fields.bank)) {
    return problem('invalid_bank', `bank must be a code of letters and digits, and is ${show(fields.bank)}`);
  }
  const { operation, k_symbol: purpose, bank } = fields;
  const counterparty = findCounterparty({ direction, operation, purpose, bank });
  if (counterparty === undefined) {
    return problem(
      'unknown_operation',
      `operation ${show(operation)} with k_symbol ${show(purpose)} is not known for type ${fields.type}; the README lists those that are`,
    );
  }
  return {
    line,
    transId: fields.trans_id,
    accountId: fields.account_id,
    date: fields.date,
    direction,
    counterparty,
    amount: toUnits(fields.amount),
    recordedBalance: toUnits(fields.balance),
    purpose,
  };
}

/** The line's change to its account's balance. */
export function balanceChange({ direction, amount }: BankLine): bigint {
  return direction === 'credit' ? amount : -amount;
}

/** Midnight in UTC of a line's day; the file is of the nineties. */
export function instantOf(date: string): Date {
  const [year, month, day] = [0, 2, 4].map((start) => date.slice(start, start + 2));
  return new Date(`19${year}-${month}-${day}T00:00:00.000Z`);
}

function isDate(text: string): boolean {
  if (!/^[0-9]{6}$/.test(text)) return false;
  const instant = instantOf(text);
  // The 31st of a short month parses as the 1st of the next.
  return !Number.isNaN(instant.getTime()) && instant.toISOString().slice(2, 10).replaceAll('-', '') === text;
}

function toUnits(decimal: string): bigint {
  return toMinorUnits(decimal, CURRENCY_SCALE);
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
