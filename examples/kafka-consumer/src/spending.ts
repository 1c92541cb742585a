import { EVENT_DATA, type EventData, handleOnce, inboxTable, type TransactionAdapter } from '@micropay/ledger-core';

const CONSUMER = 'spending-summary';

const SPENDING_TABLE = `create table if not exists spending (
  user_id text not null,
  currency text not null,
  spent numeric(38, 0) not null,
  payments bigint not null,
  primary key (user_id, currency)
)`;

/** An event as it comes out of Kafka. */
export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  /** JSON. */
  readonly value: string;
}

export async function createTables(transaction: TransactionAdapter): Promise<void> {
  await transaction.executeSql(inboxTable(), []);
  await transaction.executeSql(SPENDING_TABLE, []);
}

/** Counts a payment, once however often it is delivered; answers whether it was new and counted. */
export async function countSpending(transaction: TransactionAdapter, event: ReceivedEvent): Promise<boolean> {
  if (event.type !== 'transfer.posted.v1') return false;
  const transfer = EVENT_DATA['transfer.posted.v1'].parse(JSON.parse(event.value));
  const user = spenderOf(transfer);
  if (user === undefined) return false;
  return handleOnce(transaction, { consumer: CONSUMER, eventId: event.id }, async () => {
    await transaction.executeSql(
      `insert into spending (user_id, currency, spent, payments) values ($1, $2, $3, 1)
       on conflict (user_id, currency) do update
       set spent = spending.spent + excluded.spent, payments = spending.payments + 1`,
      [user, transfer.currency, transfer.amount],
    );
  });
}

/** The user whose money leaves for somebody else's account; between accounts of one user nothing is spent. */
export function spenderOf({ fromAddress, toAddress }: EventData<'transfer.posted.v1'>): string | undefined {
  const user = userOf(fromAddress);
  return user === userOf(toAddress) ? undefined : user;
}

function userOf(address: string): string | undefined {
  return /^users:([^:]+)/.exec(address)?.[1];
}
