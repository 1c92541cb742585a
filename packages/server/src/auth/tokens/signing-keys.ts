import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../database/connect.js';

const ALGORITHM = 'EdDSA';
/** The newest key signs for this long; an older one still verifies for a day. */
const SIGNING_DAYS = 90;
const KEPT_DAYS = SIGNING_DAYS + 1;
/** An unknown key id makes us look for keys of other processes, but not more often than this. */
const RELOAD_PAUSE_MS = 5_000;

interface SigningKey {
  readonly kid: string;
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
  /** The public key as JWK and JWKS write it. */
  readonly x: string;
}

/** The Ed25519 keys of this ledger, shared by all of its processes through the database. */
export interface SigningKeys {
  /** The key that signs now. */
  current(): Promise<SigningKey>;
  /** The key of that id, also when another process has made it a moment ago. */
  find(kid: string): Promise<SigningKey | undefined>;
  all(): readonly SigningKey[];
  /** Makes a new key when the newest is old, forgets those that no token needs, and loads the rest. */
  rotate(): Promise<void>;
}

export function createSigningKeys(database: Database, ledger: string): SigningKeys {
  let keys: readonly SigningKey[] = [];
  let loadedAtMs = Number.NEGATIVE_INFINITY;

  async function load(): Promise<void> {
    const rows = await database
      .selectFrom('signing_keys')
      .selectAll()
      .where('ledger', '=', ledger)
      .orderBy('created_at', 'desc')
      .execute();
    keys = await Promise.all(rows.map(({ kid, public_jwk, private_jwk }) => toKey(kid, public_jwk, private_jwk)));
    loadedAtMs = performance.now();
  }

  async function rotate(): Promise<void> {
    await database.transaction().execute(async (transaction) => {
      // Many processes may start at once, and one new key is enough.
      await sql`select pg_advisory_xact_lock(hashtextextended('micropay signing keys ' || ${ledger}, 0))`.execute(
        transaction,
      );
      await transaction
        .deleteFrom('signing_keys')
        .where('ledger', '=', ledger)
        .where('created_at', '<', daysAgo(KEPT_DAYS))
        .execute();
      const young = transaction
        .selectFrom('signing_keys')
        .where('ledger', '=', ledger)
        .where('created_at', '>', daysAgo(SIGNING_DAYS));
      if ((await young.select('kid').executeTakeFirst()) !== undefined) return;
      await transaction
        .insertInto('signing_keys')
        .values({ ledger, ...(await newKey()) })
        .execute();
    });
    await load();
  }

  async function find(kid: string): Promise<SigningKey | undefined> {
    const key = keys.find((known) => known.kid === kid);
    if (key !== undefined || performance.now() - loadedAtMs < RELOAD_PAUSE_MS) return key;
    await load();
    return keys.find((known) => known.kid === kid);
  }

  async function current(): Promise<SigningKey> {
    if (keys[0] === undefined) await rotate();
    if (keys[0] === undefined) throw new Error('there is no signing key although one was just made');
    return keys[0];
  }

  return { current, find, all: () => keys, rotate };
}

function daysAgo(days: number) {
  return sql<Date>`now() - make_interval(days => ${days})`;
}

async function newKey() {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  return {
    kid: uuidv7(),
    public_jwk: JSON.stringify(await exportJWK(publicKey)),
    private_jwk: JSON.stringify(await exportJWK(privateKey)),
  };
}

async function toKey(kid: string, publicJwk: JWK, privateJwk: JWK): Promise<SigningKey> {
  const [publicKey, privateKey] = await Promise.all([importKey(publicJwk), importKey(privateJwk)]);
  return { kid, publicKey, privateKey, x: String(publicJwk.x) };
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  return (await importJWK(jwk, ALGORITHM)) as CryptoKey;
}
