import { LedgerError } from '../errors.js';
import { ISO_4217_SCALES } from './iso-4217.js';

/** `scale` is the number of digits after the decimal point of the major unit: 2 for USD, 0 for JPY. */
export interface Currency {
  readonly code: string;
  readonly scale: number;
}

export const CURRENCY_SCALE_MAX = 30;
const CODE_PATTERN = /^[A-Z][A-Z0-9]{1,11}$/;

/** 2 to 12 capital letters and digits, beginning with a letter. */
export function isCurrencyCode(code: unknown): code is string {
  return typeof code === 'string' && CODE_PATTERN.test(code);
}

/** The scale that ISO 4217 gives a currency; undefined for codes it does not list. */
export function isoScale(code: string): number | undefined {
  return ISO_4217_SCALES.get(code);
}

/** @throws {LedgerError} `unknown_currency` for a malformed code, `invalid_request` for a bad scale */
export function checkCurrency({ code, scale }: Currency): void {
  if (!isCurrencyCode(code)) throw unknownCurrency(code);
  if (!Number.isInteger(scale) || scale < 0 || scale > CURRENCY_SCALE_MAX) {
    throw new LedgerError('invalid_request', `scale must be a whole number from 0 to ${CURRENCY_SCALE_MAX}`);
  }
}

export function unknownCurrency(code: unknown): LedgerError {
  const shown = String(code).slice(0, 20);
  return new LedgerError(
    'unknown_currency',
    `currency "${shown}" is neither an ISO 4217 code nor registered in this ledger`,
    { currency: shown },
  );
}
