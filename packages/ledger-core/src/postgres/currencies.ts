import { type Currency, checkCurrency, isCurrencyCode, isoScale, unknownCurrency } from '../domain/money/currency.js';
import { LedgerError } from '../errors.js';
import type { LedgerStore } from './store.js';
import type { Transaction } from './transaction-adapter.js';

async function findCurrency({ sql, schema, ledger }: LedgerStore, code: string): Promise<Currency | undefined> {
  const { rows } = await sql.executeSql(`select scale from ${schema}.currencies where ledger = $1 and code = $2`, [
    ledger,
    code,
  ]);
  return rows[0] === undefined ? undefined : { code, scale: Number(rows[0].scale) };
}

/** Fixes the scale of a currency in this ledger, unless it is already fixed; returns the fixed scale. */
async function fixCurrency(store: LedgerStore, currency: Currency): Promise<Currency> {
  await store.sql.executeSql(
    `insert into ${store.schema}.currencies (ledger, code, scale) values ($1, $2, $3) on conflict do nothing`,
    [store.ledger, currency.code, currency.scale],
  );
  return (await findCurrency(store, currency.code)) ?? currency;
}

/** @throws {LedgerError} `unknown_currency` */
export async function getCurrency(store: LedgerStore, code: string): Promise<Currency> {
  if (!isCurrencyCode(code)) throw unknownCurrency(code);
  const known = await findCurrency(store, code);
  if (known !== undefined) return known;
  const scale = isoScale(code);
  if (scale === undefined) throw unknownCurrency(code);
  return { code, scale };
}

/** The currency at its first use in a ledger: from then on its scale is fixed. */
export async function useCurrency(store: LedgerStore<Transaction>, code: string): Promise<Currency> {
  return fixCurrency(store, await getCurrency(store, code));
}

/** @throws {LedgerError} `unknown_currency`, `invalid_request`, `currency_scale_fixed` */
export async function registerCurrency(store: LedgerStore, currency: Currency): Promise<Currency> {
  checkCurrency(currency);
  const { code } = currency;
  const known = await findCurrency(store, code);
  const scale = known?.scale ?? isoScale(code);
  const fixed = scale === undefined ? await fixCurrency(store, currency) : { code, scale };
  if (fixed.scale !== currency.scale) {
    throw new LedgerError(
      'currency_scale_fixed',
      `${currency.code} has ${fixed.scale} digits after the point in this ledger, which cannot be changed`,
      { currency: currency.code, scale: fixed.scale },
    );
  }
  return fixed;
}
