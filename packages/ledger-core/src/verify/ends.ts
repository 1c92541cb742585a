import type { LedgerStore } from '../postgres/store.js';

/** The last rows that a run has to come to; null where there are none. */
export interface Ends {
  readonly account: string | null;
  readonly position: bigint;
  readonly hold: string | null;
  readonly request: string | null;
}

/** Where everything ends now: what is written from here on is for the next run. */
export async function readEnds({ sql, schema, ledger }: LedgerStore): Promise<Ends> {
  const last = (table: string) => `(select id from ${schema}.${table} where ledger = $1 order by id desc limit 1)`;
  const { rows } = await sql.executeSql(
    `select ${last('accounts')} as account, ${last('holds')} as hold, ${last('transfer_requests')} as request,
       coalesce((select position from ${schema}.transfers order by position desc limit 1), 0)::text as position`,
    [ledger],
  );
  const { account, hold, request, position } = rows[0] as Record<'account' | 'hold' | 'request', string | null> & {
    readonly position: string;
  };
  return { account, hold, request, position: BigInt(position) };
}
