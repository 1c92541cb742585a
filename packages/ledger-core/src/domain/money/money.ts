import { LedgerError } from '../../errors.js';
import { invalidArgument } from '../input/arguments.js';
import { scale as scaleOf } from './currency.js';

/** One more than the largest amount or balance: numeric(38,0) holds 38 digits. */
export const AMOUNT_BOUND = 10n ** 38n;

const AMOUNT_PATTERN = /^[1-9][0-9]{0,37}$/;
const DECIMAL_PATTERN = /^(-?)([0-9]+)(?:\.([0-9]+))?$/;
const DECIMAL_LENGTH_MAX = 80;

/**
 * Reads a positive amount of whole minor units from a string, as in JSON: `"1250"`.
 *
 * @throws {LedgerError} `invalid_amount` for anything but a positive integer of at most 38 digits.
 */
export function parseAmount(text: string): bigint {
  if (typeof text !== 'string' || !AMOUNT_PATTERN.test(text)) {
    throw new LedgerError(
      'invalid_amount',
      'amount must be a positive whole number of minor units, at most 38 digits, as a string such as "1250"',
      { field: 'text' },
    );
  }
  return BigInt(text);
}

/** True for amounts that a transfer may move: positive and at most 38 digits. */
export function isAmount(value: unknown): value is bigint {
  return typeof value === 'bigint' && value > 0n && value < AMOUNT_BOUND;
}

/** True for balances and limits that the ledger can store: at most 38 digits, of either sign. */
export function isBalance(value: unknown): value is bigint {
  return typeof value === 'bigint' && value < AMOUNT_BOUND && value > -AMOUNT_BOUND;
}

/**
 * Turns a decimal text into minor units: `toMinorUnits('12.5', 2)` is `1250n`.
 * Nothing is rounded: digits beyond the scale are refused unless they are zeros.
 *
 * @throws {LedgerError} `invalid_request` for a bad scale, `invalid_amount`
 */
export function toMinorUnits(decimal: string, scale: number): bigint {
  scaleOf(scale, 'scale');
  if (typeof decimal !== 'string')
    throw invalidArgument('decimal', 'must be a decimal number as a text, such as "12.50"');
  const match = decimal.length <= DECIMAL_LENGTH_MAX ? DECIMAL_PATTERN.exec(decimal) : null;
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  if (match === null || /[1-9]/.test(fraction.slice(scale))) {
    throw new LedgerError(
      'invalid_amount',
      `"${decimal.slice(0, DECIMAL_LENGTH_MAX)}" is not a decimal number with at most ${scale} digits after the point`,
      { field: 'decimal' },
    );
  }
  const units = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'));
  return sign === '-' ? -units : units;
}

/**
 * Turns minor units into a decimal text: `toDecimal(-1250n, 2)` is `'-12.50'`.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function toDecimal(units: bigint, scale: number): string {
  if (typeof units !== 'bigint') throw invalidArgument('units', 'must be a bigint of whole minor units');
  scaleOf(scale, 'scale');
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
