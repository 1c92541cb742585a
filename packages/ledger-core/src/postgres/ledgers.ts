import { valid } from '../domain/input/arguments.js';
import type { ConnectedStore, LedgerStore } from './store.js';

const NAME_PATTERN = /^[a-zA-Z0-9_.-]{1,63}$/;

export const ledgerName = valid<string>(
  (value) => typeof value === 'string' && NAME_PATTERN.test(value),
  'must be a ledger name of 1 to 63 letters, digits, "_", "." and "-"',
);

/** The ledger's number; undefined for one that is not there. */
export async function findLedger({ sql, schema }: ConnectedStore, name: string): Promise<number | undefined> {
  const { rows } = await sql.executeSql(`select id from ${schema}.ledgers where name = $1`, [name]);
  return rows[0] && Number(rows[0].id);
}

/** The ledger's number; the ledger is made when it is new. */
export async function findOrCreateLedger(store: ConnectedStore, name: string): Promise<number> {
  const found = await findLedger(store, name);
  if (found !== undefined) return found;
  await store.sql.executeSql(`insert into ${store.schema}.ledgers (name) values ($1) on conflict do nothing`, [name]);
  return Number(await findLedger(store, name));
}

/** The name of a ledger that is there. */
export async function readLedgerName({ sql, schema, ledger }: LedgerStore): Promise<string> {
  const { rows } = await sql.executeSql(`select name from ${schema}.ledgers where id = $1`, [ledger]);
  return String(rows[0]?.name);
}

/** The IANA zone whose days are the ledger's. */
export async function readTimeZone({ sql, schema, ledger }: LedgerStore): Promise<string> {
  const { rows } = await sql.executeSql(`select time_zone from ${schema}.ledgers where id = $1`, [ledger]);
  return String(rows[0]?.time_zone);
}

export async function writeTimeZone({ sql, schema, ledger }: LedgerStore, timeZone: string): Promise<void> {
  await sql.executeSql(`update ${schema}.ledgers set time_zone = $2 where id = $1`, [ledger, timeZone]);
}
