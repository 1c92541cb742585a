import { callback, invalidArgument, object, optional, text, valid } from '../domain/input/arguments.js';
import { isMissingTable } from '../postgres/sql-errors.js';
import { type TransactionAdapter, transactionArgument } from '../postgres/transaction-adapter.js';

export interface HandleOnceOptions {
  /** Name of this consumer: each consumer has its own record of handled events. */
  readonly consumer: string;
  /**
   * Names the event for ever: in Kafka its headers `ce_source` and `ce_id` together, as two ledgers may have events of one
   * id where callers make ids themselves.
   */
  readonly eventId: string;
  /** Table in the consumer's own database; default `micropay_inbox`. */
  readonly inbox?: string;
}

const INBOX = /^[a-z_][a-z0-9_]{0,62}(?:\.[a-z_][a-z0-9_]{0,62})?$/;

const inboxName = valid<string>(
  (value) => typeof value === 'string' && INBOX.test(value),
  'must be a table name of lower-case letters, digits and "_", optionally with a schema in front',
);

/** An index of PostgreSQL takes no more than 2,700 bytes of both names. */
const NAME_LENGTH_MAX = 400;
const name = text(1, NAME_LENGTH_MAX);

const readOptions = object<HandleOnceOptions>({ consumer: name, eventId: name, inbox: optional(inboxName) });

/**
 * Returns the SQL that creates the inbox; run it with the consumer's own migrations.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function inboxTable(inbox = 'micropay_inbox'): string {
  return `create table if not exists ${inboxName(inbox, 'inbox')} (
  consumer text not null,
  event_id text not null,
  handled_at timestamptz not null default now(),
  primary key (consumer, event_id)
)`;
}

/**
 * Runs `work` for an event unless this consumer has handled it, in the caller's transaction: the inbox row
 * and what `work` writes commit together, so that a redelivered event has its effect once. Answers whether
 * it ran. A second delivery at the same time waits for the first. When `work` throws, both are undone, even
 * if the caller commits: the event is not handled. Where `synchronous_commit` is off, it is on for the rest of the
 * transaction: an event that counts as handled must not be lost with a crash.
 *
 * @throws {LedgerError} `invalid_request` when an id or a name is none, so that events without one are not taken for
 * each other, and when there is no inbox
 */
export async function handleOnce(
  transaction: TransactionAdapter,
  options: HandleOnceOptions,
  work: () => Promise<void>,
): Promise<boolean> {
  transactionArgument(transaction, 'transaction');
  const { consumer, eventId, inbox = 'micropay_inbox' } = readOptions(options, 'options');
  const run = callback<typeof work>(work, 'work');
  const insert = `insert into ${inbox} (consumer, event_id) values ($1, $2)
     on conflict do nothing returning event_id, case when current_setting('synchronous_commit') = 'off'
       then set_config('synchronous_commit', 'on', true) end`;
  await transaction.executeSql('savepoint micropay_event', []);
  try {
    const { rows } = await transaction.executeSql(insert, [consumer, eventId]).catch((error: unknown) => {
      if (!isMissingTable(error)) throw error;
      throw invalidArgument('inbox', `${inbox} is missing: run the SQL that inboxTable() returns`, error);
    });
    if (rows.length > 0) await run();
    await transaction.executeSql('release savepoint micropay_event', []);
    return rows.length > 0;
  } catch (error) {
    await transaction
      .executeSql('rollback to savepoint micropay_event', [])
      .then(() => transaction.executeSql('release savepoint micropay_event', []))
      // On a broken connection nothing is left to undo; the first error says what happened.
      .catch(() => undefined);
    throw error;
  }
}
