import { accountsInOrder, IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
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
  const last = (table: string, condition = ofLedger()) =>
    `(select id from ${schema}.${table} where ${condition} order by id desc limit 1)`;
  const lastHold = last('holds', `${ofLedger()} and ${IN_LEDGER_ORDER}`);
  const lastAccount = last('accounts', `${ofLedger()} and ${accountsInOrder()}`);
  const { rows } = await sql.executeSql(
    `select ${lastAccount} as account, ${lastHold} as hold, ${last('transfer_requests')} as request`,
    [ledger],
  );
  const { rows: ends } = await sql.executeSql(
    `select coalesce((select position from ${schema}.transfers
       where ${ofLedger()} and ${IN_LEDGER_ORDER} order by position desc limit 1), 0)::text as position`,
    [ledger],
  );
  const { account, hold, request } = rows[0] as Record<'account' | 'hold' | 'request', string | null>;
  return { account, hold, request, position: BigInt(String(ends[0]?.position)) };
}
