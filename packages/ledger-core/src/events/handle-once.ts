import type { TransactionAdapter } from '../postgres/transaction-adapter.js';

export interface HandleOnceOptions {
  /** Name of this consumer: each has its own memory of what it has handled. */
  readonly consumer: string;
  /** Id of the event; in Kafka its header `ce_id`. */
  readonly eventId: string;
  /** Table of the consumer's own database; default `micropay_inbox`. */
  readonly inbox?: string;
}

/** SQL that makes the inbox; run it with the consumer's own migrations. */
export function inboxTable(inbox = 'micropay_inbox'): string {
  return `create table if not exists ${checkInboxName(inbox)} (
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
 * if the caller commits: the event is not handled.
 *
 * @throws {TypeError} when an id or a name is none, so that events without one are not taken for each other
 */
export async function handleOnce(
  transaction: TransactionAdapter,
  { consumer, eventId, inbox = 'micropay_inbox' }: HandleOnceOptions,
  work: () => Promise<void>,
): Promise<boolean> {
  const insert = `insert into ${checkInboxName(inbox)} (consumer, event_id) values ($1, $2)
     on conflict do nothing returning event_id`;
  checkName(consumer, 'consumer');
  checkName(eventId, 'eventId');
  await transaction.executeSql('savepoint micropay_event', []);
  try {
    const { rows } = await transaction.executeSql(insert, [consumer, eventId]);
    if (rows.length > 0) await work();
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

/** Half a surrogate pair becomes the same character whichever half it is. */
function checkName(name: string, field: string): void {
  if (typeof name === 'string' && name.length > 0 && !name.includes('\0') && !/\p{Surrogate}/u.test(name)) return;
  throw new TypeError(`${field} must be a text that is not empty, without U+0000 or a lone surrogate`);
}

function checkInboxName(inbox: string): string {
  if (!/^[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?$/.test(inbox)) {
    throw new TypeError('an inbox is named by lower-case letters, digits and "_", with a schema in front if need be');
  }
  return inbox;
}
