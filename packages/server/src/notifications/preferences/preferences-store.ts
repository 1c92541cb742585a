import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import { userGone } from '../../errors/token-refused.js';
import type { UserId } from '../../identity/user-id.js';
import type { Language } from '../texts/texts.js';
import { type ChosenPreferences, changed, NOTHING_CHOSEN, type PreferencesChange } from './preferences.js';

/** The currencies that one user may have a threshold for. */
export const LOW_BALANCES_MAX = 50;

/** A user who can be told something, with what they chose. */
export interface Addressee {
  readonly id: UserId;
  /** Null unless the user has proved to read its mails: what a wallet holds is not sent to strangers. */
  readonly email: string | null;
  readonly chosen: ChosenPreferences;
}

/** Those of the users who exist and have not closed their account. With `willWrite` none of them closes it before the transaction ends. */
export async function findAddressees(
  database: Database,
  ledger: string,
  ids: readonly string[],
  { willWrite = false }: { readonly willWrite?: boolean } = {},
): Promise<ReadonlyMap<string, Addressee>> {
  const found = database
    .selectFrom('users')
    .leftJoin('notification_preferences as p', (join) =>
      join.onRef('p.ledger', '=', 'users.ledger').onRef('p.user_id', '=', 'users.id'),
    )
    .select(['users.id', 'users.email', 'users.email_verified_at', 'p.language', 'p.channels', 'p.low_balances'])
    .where('users.ledger', '=', ledger)
    .where(sql<boolean>`users.id = any(${[...ids]}::uuid[])`)
    .where('users.closed_at', 'is', null);
  const rows = await (willWrite ? found.forKeyShare('users') : found).execute();
  const addressees = rows.map(({ id, email, email_verified_at, language, channels, low_balances }) => ({
    id,
    email: email_verified_at === null ? null : email,
    chosen:
      channels === null || low_balances === null
        ? NOTHING_CHOSEN
        : { language: language as Language, channels, lowBalances: low_balances },
  }));
  return new Map(addressees.map((addressee) => [addressee.id, addressee]));
}

/** @throws {ProblemError} `token_invalid` for a user who is gone */
export async function getChosen(database: Database, ledger: string, id: UserId): Promise<ChosenPreferences> {
  const addressee = (await findAddressees(database, ledger, [id])).get(id);
  if (addressee === undefined) throw userGone();
  return addressee.chosen;
}

/**
 * Changes what is named and leaves the rest; two changes at once both count.
 *
 * @throws {ProblemError} `token_invalid`, `invalid_request` for too many thresholds
 */
export function changeChosen(
  database: Database,
  ledger: string,
  id: UserId,
  change: PreferencesChange,
): Promise<ChosenPreferences> {
  return database.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('notification_preferences')
      .columns(['ledger', 'user_id'])
      .expression((row) =>
        row.selectFrom('users').select(['ledger', 'id']).where('ledger', '=', ledger).where('id', '=', id),
      )
      .onConflict((met) => met.doNothing())
      .execute();
    await transaction
      .selectFrom('notification_preferences')
      .select('user_id')
      .where('ledger', '=', ledger)
      .where('user_id', '=', id)
      .forUpdate()
      .execute();
    const next = changed(await getChosen(transaction, ledger, id), change);
    refuseTooMany(next);
    await transaction
      .updateTable('notification_preferences')
      .set({
        language: next.language,
        channels: JSON.stringify(next.channels),
        low_balances: JSON.stringify(next.lowBalances),
      })
      .where('ledger', '=', ledger)
      .where('user_id', '=', id)
      .execute();
    return next;
  });
}

function refuseTooMany({ lowBalances }: ChosenPreferences): void {
  if (Object.keys(lowBalances).length <= LOW_BALANCES_MAX) return;
  const message = `may name at most ${LOW_BALANCES_MAX} currencies in all`;
  throw new ProblemError('invalid_request', `lowBalances: ${message}`, { errors: [{ path: 'lowBalances', message }] });
}
