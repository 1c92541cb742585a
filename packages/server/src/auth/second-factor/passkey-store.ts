import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import { hashSecret } from '../secret.js';
import type { Passkey } from './passkeys.js';
import type { FactorOwner, SecondFactor } from './second-factor.js';
import { addUnconfirmed, confirmedOf, FACTOR_COLUMNS, unconfirmedOf } from './second-factor-store.js';

/** More than a person has, and few enough for a browser to be sent all of them. */
const PASSKEYS_MAX = 20;

/** A passkey that counts. */
export interface StoredPasskey extends Passkey {
  readonly id: string;
}

/** Those of a user that count. */
export function listPasskeys(database: Database, owner: FactorOwner): Promise<readonly StoredPasskey[]> {
  return confirmedOf(database, owner, 'passkey')
    .select([
      'id',
      sql<Buffer>`credential_id`.as('credentialId'),
      sql<Buffer>`public_key`.as('publicKey'),
      sql<number>`sign_count::float8`.as('signCount'),
      sql<string[]>`transports`.as('transports'),
    ])
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
  owner: FactorOwner,
  { name, challenge, countNow }: { readonly name: string; readonly challenge: Buffer; readonly countNow: number },
): Promise<void> {
  if (countNow >= PASSKEYS_MAX) {
    throw new ProblemError('too_many_second_factors', `a user has at most ${PASSKEYS_MAX} passkeys: remove one`);
  }
  await addUnconfirmed(transaction, owner, { kind: 'passkey', name, challenge });
}

/** Takes the challenge of the passkey that waits for its response: each challenge is answered once. */
export async function takeCreationChallenge(
  transaction: Database,
  owner: FactorOwner,
): Promise<{ readonly id: string; readonly challenge: Buffer } | undefined> {
  const row = await unconfirmedOf(transaction, owner, 'passkey').select(['id', 'challenge']).executeTakeFirst();
  if (row === undefined || row.challenge === null) return undefined;
  await transaction
    .updateTable('second_factors')
    .set({ challenge: null })
    .where('ledger', '=', owner.ledger)
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
  const tokenHash = hashSecret(challenge);
  const row = await transaction
    .selectFrom('login_challenges')
    .select('passkey_challenge')
    .where('ledger', '=', ledger)
    .where('token_hash', '=', tokenHash)
    .executeTakeFirst();
  await transaction
    .updateTable('login_challenges')
    .set({ passkey_challenge: null })
    .where('ledger', '=', ledger)
    .where('token_hash', '=', tokenHash)
    .execute();
  return row?.passkey_challenge ?? undefined;
}
