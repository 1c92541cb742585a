import type { TestBed } from './test-bed.js';

/** Writes a domain event of a type that this release does not know, as a later release might; returns its position. */
export async function writeUnknownEvent(bed: TestBed, ledger: string): Promise<bigint> {
  const [row] = await bed.sql<{ position: string }>(
    `insert into micropay.events (recorded_at, ledger, id, type, subject, data)
     select now(), id, gen_random_uuid(), 'account.painted.v1', gen_random_uuid(), '{}' from micropay.ledgers where name = $1
     returning position::text`,
    [ledger],
  );
  return BigInt(row?.position ?? 0);
}

/** Deletes such a row, as only a superuser can. */
export async function removeRow(bed: TestBed, position: bigint): Promise<void> {
  const client = await bed.connect();
  await client.query('set session_replication_role = replica');
  await client.query('delete from micropay.events where position = $1', [String(position)]);
  await client.query('delete from micropay.transfers where position = $1', [String(position)]);
  await client.query('reset session_replication_role');
}

/** Writes a journal row of missing accounts, as only a manual change could; returns its position. */
export async function writeBrokenTransfer(bed: TestBed, ledger: string): Promise<bigint> {
  const [row] = await bed.sql<{ position: string }>(
    `insert into micropay.transfers (recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
       currency, amount, from_posted, to_posted)
     select now(), 1, 1, id, 'transfer', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'USD', 1, 1, 1
     from micropay.ledgers where name = $1
     returning position::text`,
    [ledger],
  );
  return BigInt(row?.position ?? 0);
}
