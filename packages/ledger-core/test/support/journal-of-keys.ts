import { expect } from 'vitest';
import type { TestBed } from './test-bed.js';

/** Holds what clients were told against the journal: every acknowledged transfer is there, and no key twice. */
export async function expectAcknowledgedOnce(
  sql: TestBed['sql'],
  ledger: string,
  acknowledged: ReadonlyMap<string, string>,
): Promise<number> {
  const rows = await sql<{ id: string; same: number }>(
    `select t.id, count(*) over (partition by t.idempotency_hash)::int as same
     from micropay.transfers t join micropay.ledgers l on l.id = t.ledger
     where l.name = $1 and t.idempotency_hash is not null`,
    [ledger],
  );
  const posted = new Set(rows.map(({ id }) => id));
  expect(rows.filter(({ same }) => same > 1)).toEqual([]);
  expect([...acknowledged].filter(([, id]) => !posted.has(id))).toEqual([]);
  return posted.size;
}
