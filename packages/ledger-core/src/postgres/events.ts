import { v7 as uuidv7 } from 'uuid';
import type { JsonValue } from '../domain/metadata.js';
import type { Store } from './store.js';
import type { TransactionAdapter } from './transaction-adapter.js';

/** A fact without a journal row behind it. */
export interface EventRow {
  readonly type: 'account.opened' | 'account.frozen' | 'account.unfrozen';
  /** Id of the account. */
  readonly subject: string;
  readonly data: { readonly [key: string]: JsonValue };
}

/** Call it after the change itself, while its locks are held: the position is drawn here. */
export async function writeEvent(
  transaction: TransactionAdapter,
  { schema }: Store,
  ledger: number,
  { type, subject, data }: EventRow,
): Promise<void> {
  await transaction.executeSql(
    `insert into ${schema}.events (recorded_at, ledger, id, type, subject, data)
     values (clock_timestamp(), $1, $2, $3, $4, $5)`,
    [ledger, uuidv7(), type, subject, JSON.stringify(data)],
  );
}
