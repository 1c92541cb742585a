import { createStore } from '../../src/postgres/store.js';
import type { TestBed } from './test-bed.js';

/** The number of a ledger, which its rows bear. */
export async function numberOf(bed: Pick<TestBed, 'sql'>, name = 'main'): Promise<number> {
  const [row] = await bed.sql<{ id: number }>('select id from micropay.ledgers where name = $1', [name]);
  if (row === undefined) throw new Error(`there is no ledger ${name}`);
  return row.id;
}

/** A ledger as functions that read its tables directly take it. */
export async function storeOf(bed: Pick<TestBed, 'sql'>, name = 'main') {
  return { ...createStore('micropay'), ledger: await numberOf(bed, name) };
}
