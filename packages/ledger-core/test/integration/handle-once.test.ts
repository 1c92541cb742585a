import { handleOnce, inboxTable, type TransactionAdapter } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();

beforeAll(async () => {
  await bed.sql(inboxTable());
  await bed.sql('create table spent (amount bigint not null)');
});
beforeEach(async () => {
  await bed.sql('truncate micropay_inbox, spent');
});

async function inTransaction<Result>(
  client: pg.Client,
  work: (transaction: TransactionAdapter) => Promise<Result>,
): Promise<Result> {
  await client.query('begin');
  try {
    const result = await work(fromPg(client));
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

function spend(transaction: TransactionAdapter, consumer = 'summary', eventId = 'event-1'): Promise<boolean> {
  return handleOnce(transaction, { consumer, eventId }, async () => {
    await transaction.executeSql('insert into spent (amount) values ($1)', ['5']);
  });
}

async function spent(): Promise<number> {
  const [row] = await bed.sql<{ total: string | null }>('select sum(amount)::text as total from spent');
  return Number(row?.total ?? 0);
}

describe('handleOnce', () => {
  it('handleOnce does the work of an event that is delivered twice once', async () => {
    const client = await bed.connect();
    expect(await inTransaction(client, (transaction) => spend(transaction))).toBe(true);
    expect(await inTransaction(client, (transaction) => spend(transaction))).toBe(false);
    expect(await spent()).toBe(5);
  });

  it('handleOnce does the work of an event that is delivered twice in one transaction once', async () => {
    await inTransaction(await bed.connect(), async (transaction) => {
      expect(await spend(transaction)).toBe(true);
      expect(await spend(transaction)).toBe(false);
    });
    expect(await spent()).toBe(5);
  });

  it('handleOnce does the work of two events, and of one event for two consumers, each', async () => {
    await inTransaction(await bed.connect(), async (transaction) => {
      expect(await spend(transaction, 'summary', 'event-1')).toBe(true);
      expect(await spend(transaction, 'summary', 'event-2')).toBe(true);
      expect(await spend(transaction, 'mailer', 'event-1')).toBe(true);
    });
    expect(await spent()).toBe(15);
  });

  it('handleOnce makes a second delivery at the same time wait for the first', async () => {
    const first = await bed.connect();
    await first.query('begin');
    expect(await spend(fromPg(first))).toBe(true);
    let answered = false;
    const second = inTransaction(await bed.connect(), (transaction) => spend(transaction)).finally(() => {
      answered = true;
    });
    await expect
      .poll(() =>
        bed.sql(`select 1 from pg_stat_activity where wait_event = 'transactionid' and datname = current_database()`),
      )
      .toHaveLength(1);
    expect(answered).toBe(false);
    await first.query('commit');
    expect(await second).toBe(false);
    expect(await spent()).toBe(5);
  });

  it('handleOnce lets a second delivery do the work when the first is rolled back', async () => {
    const first = await bed.connect();
    await first.query('begin');
    expect(await spend(fromPg(first))).toBe(true);
    const second = inTransaction(await bed.connect(), (transaction) => spend(transaction));
    await first.query('rollback');
    expect(await second).toBe(true);
    expect(await spent()).toBe(5);
  });

  it('handleOnce leaves no trace of work that throws, even when the caller commits', async () => {
    const client = await bed.connect();
    await inTransaction(client, async (transaction) => {
      const failing = handleOnce(transaction, { consumer: 'summary', eventId: 'event-1' }, async () => {
        await transaction.executeSql('insert into spent (amount) values (7)', []);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
    });
    expect(await spent()).toBe(0);
    expect(await inTransaction(client, (transaction) => spend(transaction))).toBe(true);
    expect(await spent()).toBe(5);
  });

  it('handleOnce keeps the transaction usable after a statement of the work has failed', async () => {
    await inTransaction(await bed.connect(), async (transaction) => {
      const failing = handleOnce(transaction, { consumer: 'summary', eventId: 'event-1' }, async () => {
        await transaction.executeSql('select 1 / 0', []);
      });
      await expect(failing).rejects.toMatchObject({ code: '22012' });
      expect(await spend(transaction, 'summary', 'event-2')).toBe(true);
    });
    expect(await spent()).toBe(5);
  });

  it.each(['', null, '\ud800', 'a\u0000', Buffer.from('event-1')])(
    'handleOnce takes no event for another: no id %j',
    async (id) => {
      await inTransaction(await bed.connect(), async (transaction) => {
        await expect(spend(transaction, 'summary', id as string)).rejects.toThrow(refusal('invalid_request'));
        expect(await spend(transaction)).toBe(true);
      });
      expect(await spent()).toBe(5);
    },
  );

  it.each(['missing', 'nowhere.inbox'])(
    'handleOnce names inboxTable() where the inbox %s is missing',
    async (inbox) => {
      await inTransaction(await bed.connect(), async (transaction) => {
        const handled = handleOnce(
          transaction,
          { consumer: 'summary', eventId: 'event-1', inbox },
          async () => undefined,
        );
        await expect(handled).rejects.toEqual(
          refusal('invalid_request', {
            message: expect.stringContaining('inboxTable()'),
            details: { field: 'inbox' },
            retryable: false,
          }),
        );
        expect(await spend(transaction)).toBe(true);
      });
      expect(await spent()).toBe(5);
    },
  );

  it('handleOnce throws an error of the work as it is, a missing table of its own too', async () => {
    await inTransaction(await bed.connect(), async (transaction) => {
      const failing = handleOnce(transaction, { consumer: 'summary', eventId: 'event-1' }, async () => {
        await transaction.executeSql('insert into missing values (1)', []);
      });
      await expect(failing).rejects.toMatchObject({ name: 'error', code: '42P01' });
    });
  });

  it('handleOnce takes an inbox of another name and refuses one that is no name', async () => {
    await bed.sql(inboxTable('public.other_inbox'));
    await inTransaction(await bed.connect(), async (transaction) => {
      const options = { consumer: 'summary', eventId: 'event-1', inbox: 'public.other_inbox' };
      expect(await handleOnce(transaction, options, async () => undefined)).toBe(true);
      expect(await handleOnce(transaction, options, async () => undefined)).toBe(false);
    });
    expect(() => inboxTable('x; drop table spent')).toThrow(refusal('invalid_request'));
  });
});
