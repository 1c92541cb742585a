import { EVENT_DATA, handleOnce, inboxTable, type TransactionAdapter } from '@micropay/ledger-core';

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

/** An event's contribution to the summary of one user. */
export interface Spending {
  readonly userId: string;
  readonly currency: string;
  /** Below zero for what was given back. */
  readonly spent: bigint;
  readonly payments: number;
}

/** Adds a payment to the summary once, however often it is delivered; returns whether it was new. */
export async function countSpending(transaction: TransactionAdapter, event: ReceivedEvent): Promise<boolean> {
  const spending = spendingOf(event);
  if (spending === undefined) return false;
  const { userId, currency, spent, payments } = spending;
  return handleOnce(transaction, { consumer: CONSUMER, eventId: event.id }, async () => {
    await transaction.executeSql(
      `insert into spending (user_id, currency, spent, payments) values ($1, $2, $3, $4)
       on conflict (user_id, currency) do update
       set spent = spending.spent + excluded.spent, payments = spending.payments + excluded.payments`,
      [userId, currency, String(spent), payments],
    );
  });
}

/** Payments and captured holds are spent, what is given back is not any more; undefined for all that is neither. */
export function spendingOf({ type, value }: Omit<ReceivedEvent, 'id'>): Spending | undefined {
  switch (type) {
    case 'transfer.posted.v1':
    case 'hold.captured.v1': {
      const { fromAddress, toAddress, amount, currency } = EVENT_DATA[type].parse(JSON.parse(value));
      return moved(fromAddress, toAddress, { currency, spent: BigInt(amount), payments: 1 });
    }
    case 'transfer.reversed.v1': {
      const { fromAddress, toAddress, amount, currency } = EVENT_DATA[type].parse(JSON.parse(value));
      return moved(toAddress, fromAddress, { currency, spent: -BigInt(amount), payments: 0 });
    }
    default:
      return undefined;
  }
}

/** Between accounts of one user nothing is spent. */
function moved(payer: string, payee: string, rest: Omit<Spending, 'userId'>): Spending | undefined {
  const userId = userOf(payer);
  return userId === undefined || userId === userOf(payee) ? undefined : { userId, ...rest };
}

function userOf(address: string): string | undefined {
  return /^users:([^:]+)/.exec(address)?.[1];
}
