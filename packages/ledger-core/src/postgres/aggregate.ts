import { type AccountType, isDebitNormal } from '../domain/accounts/account.js';
import type { AggregateLine, CheckedAggregate } from '../domain/accounts/aggregate.js';
import { result } from '../domain/json/result.js';
import { LedgerError } from '../errors.js';
import type { Row } from './balances.js';
import { pendingOf } from './holds.js';
import { accountsInOrder, BY_ADDRESS, ofLedger } from './of-ledger.js';
import { probe } from './probe.js';
import type { LedgerStore } from './store.js';

/** More lines are nobody's summary. */
const LINES_MAX = 10_000;

/**
 * Sums balances by path, currency and type in one statement, hence from one snapshot. Below a path it reads the
 * index of addresses: they compare byte by byte, and ";" is what follows ":".
 *
 * @throws {LedgerError} `invalid_request` for more than 10,000 lines
 */
export async function aggregateBalances(
  store: LedgerStore,
  { path, depth, type }: CheckedAggregate,
): Promise<readonly AggregateLine[]> {
  const { schema } = store;
  // The range that holds all of them bounds the index; "or" does not.
  const below = `a.${BY_ADDRESS} and a.address >= $4 and a.address < $4 || ';' and (a.address = $4 or (a.address >= $4 || ':' and a.address < $4 || ';'))`;
  const { rows } = await store.sql.executeSql(
    `select array_to_string((string_to_array(a.address, ':'))[1:$2], ':') collate "C" as path, a.currency, a.type::text,
       count(*)::text as accounts, sum(b.debits_posted)::text as debits, sum(b.credits_posted)::text as credits,
       sum(${pendingOf(store, 'from')})::text as debits_pending, sum(${pendingOf(store, 'to')})::text as credits_pending
     from ${schema}.accounts a cross join ${probe(`${schema}.balances`, 'ledger = $1 and account_id = a.id')} b
     where ${ofLedger('a.')} and ($3::text is null or a.type::text = $3) and ${path === undefined ? accountsInOrder('a.') : below}
     group by 1, a.currency, a.type order by 1, a.currency, a.type limit ${LINES_MAX + 1}`,
    [store.ledger, depth, type ?? null, ...(path === undefined ? [] : [path])],
  );
  if (rows.length > LINES_MAX) {
    throw new LedgerError(
      'invalid_request',
      `the result has more than ${LINES_MAX} lines: choose a smaller depth or a longer path`,
    );
  }
  return rows.map(toLine);
}

function toLine(row: Row): AggregateLine {
  const type = row.type as AccountType;
  const [debits, credits] = [BigInt(String(row.debits)), BigInt(String(row.credits))];
  const [debitsPending, creditsPending] = [BigInt(String(row.debits_pending)), BigInt(String(row.credits_pending))];
  const debitNormal = isDebitNormal(type);
  return result({
    path: String(row.path),
    currency: String(row.currency),
    type,
    accounts: Number(row.accounts),
    debits,
    credits,
    posted: debitNormal ? debits - credits : credits - debits,
    pendingIn: debitNormal ? debitsPending : creditsPending,
    pendingOut: debitNormal ? creditsPending : debitsPending,
  });
}
