import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { type Selectable, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { recordAct } from '../../audit/record-act.js';
import type { Database } from '../../database/connect.js';
import type { Tables } from '../../database/tables.js';
import type { Act } from '../../identity/act.js';

const ALGORITHM = 'EdDSA';
/** Every server has loaded a key by then. */
export const PUBLISHED_SECONDS = 10;
/** Longer than an access token lives. */
const TOKENS_LIVE_MINUTES = 11;

/** A key without its private part. */
export type SigningKeyRow = Omit<Selectable<Tables['signing_keys']>, 'ledger' | 'public_jwk' | 'private_jwk'>;

/** Why the keys cannot be changed so. There is no route that changes them: only the command hears it. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
  readonly code: 'signing_key_not_found' | 'signing_key_exists' | 'signing_key_in_use';

  constructor(code: SigningKeyError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

const COLUMNS = ['kid', 'state', 'created_at', 'activated_at', 'retired_at'] as const;

/**
 * The keys of a ledger in the database. A key is `next`, which every server knows and none signs with; then `active`, of which there is
 * one; then `retired`, which still verifies what it has signed.
 */
export interface SigningKeyStore {
  /** The newest first. */
  list(): Promise<readonly SigningKeyRow[]>;
  /** Makes the next key. @throws {SigningKeyError} `signing_key_exists` */
  makeNext(act: Act): Promise<SigningKeyRow>;
  /**
   * Signs with the next key from now on, and retires the active one.
   *
   * @throws {SigningKeyError} `signing_key_not_found`, or `signing_key_in_use` while some server may not know the next key yet
   */
  activate(act: Act): Promise<SigningKeyRow>;
  /**
   * Ends a key that does not sign: what it has signed counts no longer. Of one whose tokens may live, only if they are to end.
   *
   * @throws {SigningKeyError} `signing_key_not_found`, `signing_key_in_use`
   */
  end(kid: string, options: { readonly endsTokens: boolean }, act: Act): Promise<void>;
}

export function createSigningKeyStore(database: Database, ledger: string): SigningKeyStore {
  const change = <Result>(work: (transaction: Database) => Promise<Result>) =>
    database.transaction().execute(async (transaction) => {
      await lockSigningKeys(transaction, ledger);
      return work(transaction);
    });

  return {
    list: () =>
      database
        .selectFrom('signing_keys')
        .select(COLUMNS)
        .where('ledger', '=', ledger)
        .orderBy('created_at', 'desc')
        .orderBy('kid', 'desc')
        .execute(),
    makeNext: (act) =>
      change(async (transaction) => {
        const row = await insertSigningKey(transaction, ledger, 'next');
        if (row === undefined) {
          throw new SigningKeyError('signing_key_exists', 'there is a next key already: activate it, or retire it');
        }
        await recordAct(transaction, ledger, { ...act, subject: row.kid });
        return row;
      }),
    activate: (act) =>
      change(async (transaction) => {
        const next = await transaction
          .selectFrom('signing_keys')
          .select('kid')
          .select(sql<boolean>`created_at <= now() - make_interval(secs => ${PUBLISHED_SECONDS})`.as('isKnown'))
          .where('ledger', '=', ledger)
          .where('state', '=', 'next')
          .executeTakeFirst();
        if (next === undefined)
          throw new SigningKeyError('signing_key_not_found', 'there is no next key: make one first');
        if (!next.isKnown) {
          const detail = `the next key is younger than ${PUBLISHED_SECONDS} seconds: some server may not know it`;
          throw new SigningKeyError('signing_key_in_use', detail);
        }
        const row = await activateSigningKey(transaction, ledger, next.kid);
        await recordAct(transaction, ledger, { ...act, subject: row.kid });
        return row;
      }),
    end: (kid, { endsTokens }, act) =>
      change(async (transaction) => {
        const row = await transaction
          .selectFrom('signing_keys')
          .select('state')
          .select(sql<boolean>`retired_at > now() - make_interval(mins => ${TOKENS_LIVE_MINUTES})`.as('hasTokens'))
          .where('ledger', '=', ledger)
          .where('kid', '=', kid)
          .executeTakeFirst();
        if (row === undefined) throw new SigningKeyError('signing_key_not_found', 'no signing key has this id');
        if (row.state === 'active') {
          throw new SigningKeyError('signing_key_in_use', 'this key signs: make the next one and activate it first');
        }
        if (row.hasTokens && !endsTokens) {
          const detail = `tokens that this key has signed may still live, until ${TOKENS_LIVE_MINUTES} minutes after its retirement`;
          throw new SigningKeyError('signing_key_in_use', detail);
        }
        await transaction.deleteFrom('signing_keys').where('ledger', '=', ledger).where('kid', '=', kid).execute();
        await recordAct(transaction, ledger, { ...act, subject: kid });
      }),
  };
}

/** Many processes may want to change the keys at once; the lock ends with the transaction. */
export async function lockSigningKeys(transaction: Database, ledger: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('micropay signing keys ' || ${ledger}, 0))`.execute(
    transaction,
  );
}

/** Undefined if there is a key in this state, of which there is only one. */
export async function insertSigningKey(
  transaction: Database,
  ledger: string,
  state: 'next' | 'active',
): Promise<SigningKeyRow | undefined> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const text = async (key: typeof publicKey): Promise<string> => JSON.stringify((await exportJWK(key)) satisfies JWK);
  return transaction
    .insertInto('signing_keys')
    .values({
      ledger,
      kid: uuidv7(),
      state,
      public_jwk: await text(publicKey),
      private_jwk: await text(privateKey),
      activated_at: state === 'active' ? sql<Date>`now()` : null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning(COLUMNS)
    .executeTakeFirst();
}

/** Retires the active key, if there is one, and lets another sign. */
export async function activateSigningKey(transaction: Database, ledger: string, kid: string): Promise<SigningKeyRow> {
  await transaction
    .updateTable('signing_keys')
    .set({ state: 'retired', retired_at: sql<Date>`now()` })
    .where('ledger', '=', ledger)
    .where('state', '=', 'active')
    .execute();
  return transaction
    .updateTable('signing_keys')
    .set({ state: 'active', activated_at: sql<Date>`now()` })
    .where('ledger', '=', ledger)
    .where('kid', '=', kid)
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}
