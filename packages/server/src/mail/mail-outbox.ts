import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import type { MailKind, WaitingMail } from './mail-kind.js';

export interface NewMail {
  readonly kind: MailKind;
  readonly to: string;
  /** Whose it is: it goes when the user closes the account. */
  readonly userId?: UserId;
  /** What its text is made of. It is stored until the mail is sent, so no secret belongs in it. */
  readonly data?: Readonly<Record<string, string>>;
}

/** Asks for mails; each is sent once the database transaction that it was asked for in has committed. */
export interface Mails {
  /** False where no mail can be sent, and `add` does nothing. */
  readonly canSend: boolean;
  add(transaction: Database, mail: NewMail): Promise<void>;
  /** Forgets the mails of a user, and those to the email. */
  removeOf(transaction: Database, userId: UserId, email: string | null): Promise<void>;
  /** Asks for many in one statement. */
  addAll(transaction: Database, mails: readonly NewMail[]): Promise<void>;
}

/** What became of a mail that is not sent again. Sent ones are deleted. */
export type MailEnd = 'failed' | 'refused';

/** One attempt's right to a mail, which lapses with its lease. */
export interface ClaimedMail extends WaitingMail {
  /** Counts from 1. It also tells this attempt from one that came after its lease. */
  readonly attempt: number;
}

export interface MailBacklog {
  readonly waiting: number;
  /** Since the oldest of them was asked for; 0 when there is none. */
  readonly oldestSeconds: number;
  readonly failed: number;
  readonly refused: number;
}

/** The mails of a ledger that wait to be sent, shared by all servers. */
export interface MailOutbox {
  /** Takes due mails of these kinds, the oldest first, for as long as the lease lasts. */
  claim(
    kinds: readonly string[],
    options: { readonly countMax: number; readonly leaseSeconds: number },
  ): Promise<readonly ClaimedMail[]>;
  remove(mail: ClaimedMail): Promise<void>;
  /** Makes it due again after a while. */
  putOff(mail: ClaimedMail, seconds: number): Promise<void>;
  end(mail: ClaimedMail, end: MailEnd): Promise<void>;
  /** Forgets mails that ended long ago. */
  removeEnded(): Promise<void>;
  backlog(): Promise<MailBacklog>;
}

const ENDED_DAYS = 7;

export function createMails(ledger: string, canSend: boolean): Mails {
  const rowOf = ({ kind, to, userId, data = {} }: NewMail) => ({
    ledger,
    id: uuidv7(),
    kind,
    recipient: to,
    user_id: userId ?? null,
    data: JSON.stringify(data),
  });
  const mails: Mails = {
    canSend,
    add: (transaction, mail) => mails.addAll(transaction, [mail]),
    async addAll(transaction, asked) {
      if (canSend && asked.length > 0) await transaction.insertInto('mails').values(asked.map(rowOf)).execute();
    },
    async removeOf(transaction, userId, email) {
      await transaction
        .deleteFrom('mails')
        .where('ledger', '=', ledger)
        .where(({ or, eb }) =>
          or([eb('user_id', '=', userId), ...(email === null ? [] : [eb('recipient', '=', email)])]),
        )
        .execute();
    },
  };
  return mails;
}

export function createMailOutbox(database: Database, ledger: string): MailOutbox {
  /** Of a mail that no later attempt has taken over. */
  const held = ({ id, attempt }: ClaimedMail) =>
    database.updateTable('mails').where('ledger', '=', ledger).where('id', '=', id).where('attempts', '=', attempt);

  return {
    async claim(kinds, { countMax, leaseSeconds }) {
      const due = database
        .selectFrom('mails')
        .select('id')
        .where('ledger', '=', ledger)
        .where('kind', 'in', kinds)
        .where('ended', 'is', null)
        .where('due_at', '<=', sql<Date>`now()`)
        .orderBy('due_at')
        .limit(countMax)
        .forUpdate()
        .skipLocked();
      const rows = await database
        .updateTable('mails')
        .set({ due_at: inSeconds(leaseSeconds), attempts: sql`attempts + 1` })
        .where('ledger', '=', ledger)
        .where('id', 'in', due)
        .returning(['id', 'kind', 'recipient', 'user_id', 'data', 'created_at', 'attempts'])
        .execute();
      return rows.map(({ id, kind, recipient, user_id, data, created_at, attempts }) => ({
        id,
        kind,
        to: recipient,
        userId: user_id,
        data,
        createdAt: created_at,
        attempt: attempts,
      }));
    },
    async remove({ id, attempt }) {
      await database
        .deleteFrom('mails')
        .where('ledger', '=', ledger)
        .where('id', '=', id)
        .where('attempts', '=', attempt)
        .execute();
    },
    async putOff(mail, seconds) {
      await held(mail)
        .set({ due_at: inSeconds(seconds) })
        .execute();
    },
    async end(mail, ended) {
      await held(mail).set({ ended, due_at: sql<Date>`now()` }).execute();
    },
    async removeEnded() {
      await database
        .deleteFrom('mails')
        .where('ledger', '=', ledger)
        .where('ended', 'is not', null)
        .where('due_at', '<', sql<Date>`now() - make_interval(days => ${ENDED_DAYS})`)
        .execute();
    },
    async backlog() {
      const row = await database
        .selectFrom('mails')
        .select([
          sql<number>`count(*) filter (where ended is null)::float8`.as('waiting'),
          sql<number>`coalesce(extract(epoch from now() - min(created_at) filter (where ended is null)), 0)::float8`.as(
            'oldestSeconds',
          ),
          sql<number>`count(*) filter (where ended = 'failed')::float8`.as('failed'),
          sql<number>`count(*) filter (where ended = 'refused')::float8`.as('refused'),
        ])
        .where('ledger', '=', ledger)
        .executeTakeFirstOrThrow();
      return row;
    },
  };
}

function inSeconds(seconds: number) {
  return sql<Date>`now() + make_interval(secs => ${seconds})`;
}
