import type { TestBed } from './test-bed.js';

/** Lets the time of holds be over at once: nothing but a superuser who switches the triggers off can. */
export async function letExpire(bed: TestBed, ...ids: readonly string[]): Promise<void> {
  const client = await bed.connect();
  await client.query('set session_replication_role = replica');
  await client.query(
    `with due as (
       update micropay.holds set expires_at = now() - interval '1 second' where id = any($1) returning id, expires_at
     )
     update micropay.transfers t set expires_at = due.expires_at from due where t.id = due.id`,
    [ids],
  );
  await client.query('set session_replication_role = origin');
  await client.end();
}
