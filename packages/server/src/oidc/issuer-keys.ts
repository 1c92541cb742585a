import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import type { Logger } from 'pino';
import { ProblemError } from '../errors/problem.js';
import { fetchText } from './fetch-text.js';

const TIMEOUT_MS = 5_000;
/** From one look-up to the next, whatever asks for it: strangers may send any number of unknown key ids. */
const PAUSE_MS = 5_000;
const FRESH_MS = 300_000;
/** While the issuer is away its keys still count, but not for ever: they may be away because they leaked. */
const STALE_MAX_MS = 86_400_000;
const RETRY_AFTER_S = 5;

type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;

/** The public keys of another issuer, by discovery (OpenID Connect Discovery 1.0) and JWKS (RFC 7517). */
export interface IssuerKeys {
  /**
   * The key of a token's header. An unknown one makes it look at the issuer's keys again, at most every five seconds.
   *
   * @throws {ProblemError} `issuer_unavailable` while it cannot be known whether the issuer has the key
   */
  readonly find: JWTVerifyGetKey;
  /** Whether a key counts that has verified a token before. */
  has(kid: string): boolean;
  /** Looks at the keys again when they are older than five minutes. Never rejects. */
  refresh(): Promise<void>;
  /** Whether the last look at the keys succeeded. */
  isUp(): boolean;
}

export function createIssuerKeys(issuer: string, log: Pick<Logger, 'warn' | 'info'>): IssuerKeys {
  let keys: RemoteKeys | undefined;
  let kids: ReadonlySet<string> = new Set();
  let loadedAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let isAway = false;
  let underWay: Promise<void> | undefined;

  /** Replaces the keys as a whole, or leaves them as they are. */
  async function load(): Promise<void> {
    try {
      const next = await fetchKeys(issuer);
      keys = next;
      kids = new Set(next.jwks()?.keys.flatMap(({ kid }) => (kid === undefined ? [] : [kid])));
      loadedAtMs = performance.now();
      if (isAway) log.info({ issuer }, 'the issuer is reachable again');
      isAway = false;
    } catch (err) {
      if (!isAway) log.warn({ issuer, err }, 'the keys of the issuer cannot be read: new sign-ins may be refused');
      isAway = true;
    } finally {
      triedAtMs = performance.now();
      underWay = undefined;
    }
  }

  /** Waits for a look-up that is under way, or begins one unless the last was a moment ago. */
  async function look(): Promise<void> {
    if (underWay === undefined && performance.now() - triedAtMs < PAUSE_MS) return;
    underWay ??= load();
    await underWay;
  }

  function usable(): RemoteKeys {
    if (keys !== undefined && performance.now() - loadedAtMs < STALE_MAX_MS) return keys;
    throw unavailable();
  }

  return {
    async find(header, token) {
      if (keys === undefined || performance.now() - loadedAtMs >= STALE_MAX_MS) await look();
      try {
        return await usable()(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
      await look();
      try {
        return await usable()(header, token);
      } catch (error) {
        // The issuer may have a new key that cannot be read now.
        if (error instanceof errors.JWKSNoMatchingKey && isAway) throw unavailable(error);
        throw error;
      }
    },
    has: (kid) => kids.has(kid) && performance.now() - loadedAtMs < STALE_MAX_MS,
    async refresh() {
      if (performance.now() - loadedAtMs >= FRESH_MS) await look();
    },
    isUp: () => keys !== undefined && !isAway,
  };
}

function unavailable(cause?: unknown): ProblemError {
  return new ProblemError('issuer_unavailable', 'the keys of the issuer cannot be read now: try again', {
    headers: { 'retry-after': String(RETRY_AFTER_S) },
    cause,
  });
}

async function fetchKeys(issuer: string): Promise<RemoteKeys> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = JSON.parse(await fetchText(url, TIMEOUT_MS)) as { issuer?: unknown; jwks_uri?: unknown };
  // Else whoever answers for it could pass other keys off as its own.
  if (found.issuer !== issuer) throw new Error(`${url} is of the issuer ${JSON.stringify(found.issuer)}`);
  const keysUrl = new URL(String(found.jwks_uri));
  if (keysUrl.protocol !== 'https:' && keysUrl.protocol !== new URL(issuer).protocol) {
    throw new Error(`${url} names keys that are not at https`);
  }
  const keys = createRemoteJWKSet(keysUrl, {
    // When to look again is decided here, by a clock that is not set: the library would read the time of day.
    cooldownDuration: Number.POSITIVE_INFINITY,
    cacheMaxAge: Number.POSITIVE_INFINITY,
    [customFetch]: async (address) => new Response(await fetchText(String(address), TIMEOUT_MS)),
  });
  await keys.reload();
  return keys;
}
