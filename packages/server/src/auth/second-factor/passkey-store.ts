import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import { hashSecret } from '../secret.js';
import type { Passkey } from './passkeys.js';
import type { FactorOwner, SecondFactor } from './second-factor.js';
import { ENROLMENT_LIFETIME_S, FACTOR_COLUMNS } from './second-factor-store.js';

/** More than a person has, and few enough for a browser to be sent all of them. */
const PASSKEYS_MAX = 20;

/** A passkey that counts. */
export interface StoredPasskey extends Passkey {
  readonly id: string;
}

/** Those of a user that count. */
export async function listPasskeys(
  database: Database,
  { ledger, userId }: FactorOwner,
): Promise<readonly StoredPasskey[]> {
  return database
    .selectFrom('second_factors')
    .select([
      'id',
      sql<Buffer>`credential_id`.as('credentialId'),
      sql<Buffer>`public_key`.as('publicKey'),
      sql<number>`sign_count::float8`.as('signCount'),
      sql<string[]>`transports`.as('transports'),
    ])
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .where('kind', '=', 'passkey')
    .where('confirmed_at', 'is not', null)
    .orderBy('id')
    .execute();
}

/**
 * Adds a passkey that does not count yet, in place of another that does not.
 *
 * @throws {ProblemError} `too_many_second_factors`
 */
export async function addPasskey(
  transaction: Database,
  { ledger, userId }: FactorOwner,
  { name, challenge, countNow }: { readonly name: string; readonly challenge: Buffer; readonly countNow: number },
): Promise<void> {
  if (countNow >= PASSKEYS_MAX) {
    throw new ProblemError('too_many_second_factors', `a user has at most ${PASSKEYS_MAX} passkeys: remove one`);
  }
  await transaction
    .deleteFrom('second_factors')
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .where('kind', '=', 'passkey')
    .where('confirmed_at', 'is', null)
    .execute();
  await transaction
    .insertInto('second_factors')
    .values({ ledger, id: uuidv7(), user_id: userId, kind: 'passkey', name, challenge })
    .execute();
}

/** Takes the challenge of the passkey that waits for its response: each challenge is answered once. */
export async function takeCreationChallenge(
  transaction: Database,
  { ledger, userId }: FactorOwner,
): Promise<{ readonly id: string; readonly challenge: Buffer } | undefined> {
  const row = await transaction
    .selectFrom('second_factors')
    .select(['id', 'challenge'])
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .where('kind', '=', 'passkey')
    .where('confirmed_at', 'is', null)
    .where('created_at', '>', sql<Date>`now() - make_interval(secs => ${ENROLMENT_LIFETIME_S})`)
    .executeTakeFirst();
  if (row === undefined || row.challenge === null) return undefined;
  await transaction
    .updateTable('second_factors')
    .set({ challenge: null })
    .where('ledger', '=', ledger)
    .where('id', '=', row.id)
    .execute();
  return { id: row.id, challenge: row.challenge };
}

/** Lets a passkey count from now on. Undefined if somebody has it already. */
export async function confirmPasskey(
  transaction: Database,
  ledger: string,
  { id, passkey }: { readonly id: string; readonly passkey: Passkey },
): Promise<SecondFactor | undefined> {
  return transaction
    .updateTable('second_factors')
    .set({
      confirmed_at: sql<Date>`now()`,
      credential_id: passkey.credentialId,
      public_key: passkey.publicKey,
      sign_count: passkey.signCount,
      transports: [...passkey.transports],
    })
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('second_factors as other')
            .where('other.ledger', '=', ledger)
            .where('other.credential_id', '=', passkey.credentialId)
            .select('other.id'),
        ),
      ),
    )
    .returning(FACTOR_COLUMNS)
    .executeTakeFirst();
}

/** Remembers the count of a passkey that was used. */
export async function rememberSignCount(
  transaction: Database,
  ledger: string,
  { id, signCount }: { readonly id: string; readonly signCount: number },
): Promise<void> {
  await transaction
    .updateTable('second_factors')
    .set({ sign_count: signCount, last_used_at: sql<Date>`now()` })
    .where('ledger', '=', ledger)
    .where('id', '=', id)
    .execute();
}

/** Gives a login a challenge for passkeys, in place of an earlier one. */
export async function setPasskeyChallenge(
  transaction: Database,
  ledger: string,
  { challenge, passkeyChallenge }: { readonly challenge: string; readonly passkeyChallenge: Buffer },
): Promise<void> {
  await transaction
    .updateTable('login_challenges')
    .set({ passkey_challenge: passkeyChallenge })
    .where('ledger', '=', ledger)
    .where('token_hash', '=', hashSecret(challenge))
    .execute();
}

/** Takes it away: each is answered once. */
export async function takePasskeyChallenge(
  transaction: Database,
  ledger: string,
  challenge: string,
): Promise<Buffer | undefined> {
  const login = { ledger, token_hash: hashSecret(challenge) };
  const row = await transaction
    .selectFrom('login_challenges')
    .select('passkey_challenge')
    .where('ledger', '=', login.ledger)
    .where('token_hash', '=', login.token_hash)
    .executeTakeFirst();
  await transaction
    .updateTable('login_challenges')
    .set({ passkey_challenge: null })
    .where('ledger', '=', login.ledger)
    .where('token_hash', '=', login.token_hash)
    .execute();
  return row?.passkey_challenge ?? undefined;
}
