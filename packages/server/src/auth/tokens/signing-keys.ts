import { type CryptoKey, importJWK, type JWK } from 'jose';
import { sql } from 'kysely';
import { recordAct } from '../../audit/record-act.js';
import type { Database } from '../../database/connect.js';
import type { Act } from '../../identity/act.js';
import { activateSigningKey, insertSigningKey, lockSigningKeys } from './signing-key-store.js';

const ALGORITHM = 'EdDSA';
/** A key signs for this long; then the next one is made, and signs an hour later. */
const SIGNING_DAYS = 90;
const PUBLISHED_HOURS = 1;
/** For this long a retired key verifies what it has signed, long after the last such token has expired. */
const RETIRED_DAYS = 1;
/** An unknown key id makes us look for it in the database, but not more often than this. */
const LOOK_PAUSE_MS = 5_000;

interface SigningKey {
  readonly kid: string;
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
  /** The public key as JWK and JWKS write it. */
  readonly x: string;
}

/** The Ed25519 keys of this ledger, shared by all of its processes through the database, and kept in memory. */
export interface SigningKeys {
  /** The key that signs now. */
  current(): Promise<SigningKey>;
  /** The key of that id, also when another process has made it a moment ago. */
  find(kid: string): Promise<SigningKey | undefined>;
  /** Whether a key counts that was found before. */
  has(kid: string): boolean;
  all(): readonly SigningKey[];
  /** Learns what changed in the database, within two seconds of it. */
  reload(): Promise<void>;
  /** Makes and activates the next key when the active one is old, forgets those that no token needs, and loads the rest. */
  rotate(): Promise<void>;
}

export function createSigningKeys(database: Database, ledger: string): SigningKeys {
  let keys: ReadonlyMap<string, SigningKey> = new Map();
  let activeKid: string | undefined;
  let looking: Promise<void> | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  async function reload(): Promise<void> {
    const rows = await database
      .selectFrom('signing_keys')
      .select(['kid', 'state', 'public_jwk', 'private_jwk'])
      .where('ledger', '=', ledger)
      .orderBy('created_at', 'desc')
      .execute();
    const before = keys;
    const loaded = await Promise.all(
      rows.map(({ kid, public_jwk, private_jwk }) => before.get(kid) ?? toKey(kid, public_jwk, private_jwk)),
    );
    keys = new Map(loaded.map((key) => [key.kid, key]));
    activeKid = rows.find(({ state }) => state === 'active')?.kid;
  }

  async function rotate(): Promise<void> {
    await database.transaction().execute(async (transaction) => {
      await lockSigningKeys(transaction, ledger);
      await transaction
        .deleteFrom('signing_keys')
        .where('ledger', '=', ledger)
        .where('state', '=', 'retired')
        .where('retired_at', '<', sql<Date>`now() - make_interval(days => ${RETIRED_DAYS})`)
        .execute();
      await renew(transaction, ledger);
    });
    await reload();
  }

  async function find(kid: string): Promise<SigningKey | undefined> {
    const key = keys.get(kid);
    if (key !== undefined) return key;
    if (looking === undefined) {
      if (performance.now() - lookedAtMs < LOOK_PAUSE_MS) return undefined;
      lookedAtMs = performance.now();
      looking = reload().finally(() => {
        looking = undefined;
      });
    }
    await looking;
    return keys.get(kid);
  }

  async function current(): Promise<SigningKey> {
    if (activeKid === undefined) await rotate();
    const key = activeKid === undefined ? undefined : keys.get(activeKid);
    if (key === undefined) throw new Error('there is no signing key although one was just made');
    return key;
  }

  return { current, find, has: (kid) => keys.has(kid), all: () => [...keys.values()], reload, rotate };
}

/** Makes the first key, or does the step that is due: the next key is published before it signs, so that every server knows it. */
async function renew(transaction: Database, ledger: string): Promise<void> {
  const rows = await transaction
    .selectFrom('signing_keys')
    .select(['kid', 'state'])
    .select(sql<boolean>`activated_at < now() - make_interval(days => ${SIGNING_DAYS})`.as('isOld'))
    .select(sql<boolean>`created_at < now() - make_interval(hours => ${PUBLISHED_HOURS})`.as('isPublished'))
    .where('ledger', '=', ledger)
    .where('state', 'in', ['next', 'active'])
    .execute();
  const active = rows.find(({ state }) => state === 'active');
  const next = rows.find(({ state }) => state === 'next');
  if (active === undefined) {
    await insertSigningKey(transaction, ledger, 'active');
  } else if (active.isOld && next === undefined) {
    const made = await insertSigningKey(transaction, ledger, 'next');
    if (made !== undefined) await recordAct(transaction, ledger, actOfServer('makeSigningKey', made.kid));
  } else if (active.isOld && next?.isPublished === true) {
    await activateSigningKey(transaction, ledger, next.kid);
    await recordAct(transaction, ledger, actOfServer('activateSigningKey', next.kid));
  }
}

function actOfServer(operation: string, subject: string): Act {
  const reason = 'the active key is old';
  return { principal: 'server', operation, subject, reason, clientAddress: undefined, requestId: undefined };
}

async function toKey(kid: string, publicJwk: JWK, privateJwk: JWK): Promise<SigningKey> {
  const [publicKey, privateKey] = await Promise.all([importKey(publicJwk), importKey(privateJwk)]);
  return { kid, publicKey, privateKey, x: String(publicJwk.x) };
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  return (await importJWK(jwk, ALGORITHM)) as CryptoKey;
}
