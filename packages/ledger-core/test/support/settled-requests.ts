import { expect } from 'vitest';
import type { TestBed } from './test-bed.js';

export interface SettledCounts {
  readonly open: number;
  readonly posted: number;
  readonly refused: number;
}

/**
 * Holds requests against the journal and the events: a posted one has its one transfer, a refused one has none under
 * its own id and exactly one event that says so, and an open one has neither.
 */
export async function expectSettledOnce(sql: TestBed['sql'], ledger: string): Promise<SettledCounts> {
  const rows = await sql<{ state: string; transfers: number; refusals: number; replays: number; keys: number }>(
    `select r.state::text,
       (select count(*)::int from micropay.transfers t where t.ledger = r.ledger and t.id = r.transfer_id) as transfers,
       (select count(*)::int from micropay.transfers t
        where t.ledger = r.ledger and t.idempotency_hash = r.idempotency_hash) as keys,
       (select count(*)::int from micropay.events e
        where e.type = 'transfer.refused.v1' and e.data ->> 'requestId' = r.id::text) as refusals,
       (select count(*)::int from micropay.events e
        where e.type = 'transfer.request_replayed.v1' and e.data ->> 'requestId' = r.id::text) as replays
     from micropay.transfer_requests r join micropay.ledgers l on l.id = r.ledger where l.name = $1`,
    [ledger],
  );
  const of = (state: string) => rows.filter((row) => row.state === state);
  for (const { transfers, refusals, keys } of of('posted')) expect([transfers, keys, refusals]).toEqual([1, 1, 0]);
  for (const { transfers, refusals, replays } of of('refused'))
    expect([transfers, refusals, replays]).toEqual([0, 1, 0]);
  for (const { transfers, refusals, replays } of of('requested'))
    expect([transfers, refusals, replays]).toEqual([0, 0, 0]);
  return { open: of('requested').length, posted: of('posted').length, refused: of('refused').length };
}
