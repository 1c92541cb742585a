import { LedgerError } from '../../errors.js';
import { type Check, type Members, object, valid, wholeNumber } from '../input/arguments.js';
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

/**
 * The scale that ISO 4217 gives a currency; undefined for codes it does not list.
 *
 * @throws {LedgerError} `invalid_request` unless the code is a string
 */
export function isoScale(code: string): number | undefined {
  return ISO_4217_SCALES.get(currencyText(code, 'code'));
}

export const scale = wholeNumber(0, CURRENCY_SCALE_MAX);

/** A string as currency code; a malformed code is refused last, like an unknown one. */
export const currencyText = valid<string>((value) => typeof value === 'string', 'must be a currency code such as USD');

/** @throws {LedgerError} `unknown_currency` for a malformed code, `invalid_request` unless it is a string */
export const currencyCode: Check<string> = (value, name) => {
  const code = currencyText(value, name);
  if (!isCurrencyCode(code)) throw unknownCurrency(code);
  return code;
};

export const CURRENCY: Members<Currency> = { scale, code: currencyCode };

const readCurrency = object(CURRENCY);

/** @throws {LedgerError} `unknown_currency` for a malformed code, `invalid_request` for a bad scale */
export function checkCurrency(given: Currency): Currency {
  return readCurrency(given, 'currency');
}

export function unknownCurrency(code: unknown): LedgerError {
  const shown = String(code).slice(0, 20);
  return new LedgerError(
    'unknown_currency',
    `currency "${shown}" is neither an ISO 4217 code nor registered in this ledger`,
    { currency: shown },
  );
}
