import type pg from 'pg';

/** Spending of each user, as `examples/kafka-consumer` sums it up in its own database. */
export async function spendingOfConsumer(summary: pg.Pool): Promise<readonly unknown[]> {
  const { rows } = await summary.query(
    'select user_id, currency, spent::text, payments::int from spending order by user_id',
  );
  return rows;
}

/** The same from the journal. */
export async function spendingOfLedger(pool: pg.Pool): Promise<readonly unknown[]> {
  const { rows } = await pool.query(
    `select split_part(f.address, ':', 2) as user_id, t.currency, sum(t.amount)::text as spent, count(*)::int as payments
     from micropay.transfers t
     join micropay.accounts f on f.id = t.from_account
     join micropay.accounts c on c.id = t.to_account
     where f.address like 'users:%' and split_part(f.address, ':', 2) <> split_part(c.address, ':', 2)
     group by 1, 2 order by 1`,
  );
  return rows;
}
