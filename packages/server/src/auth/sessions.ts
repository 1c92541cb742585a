import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import type { UserId } from '../identity/user-id.js';
import { networkOf } from '../throttling/network-of.js';
import { hashSecret, newSecret } from './secret.js';
import { shortDevice } from './short-device.js';
import { ACCESS_TOKEN_LIFETIME_S, type AccessTokens } from './tokens/access-tokens.js';
import type { RevokedSessions } from './tokens/revoked-sessions.js';

const REFRESH_TOKEN_DAYS = 30;
const LISTED_MAX = 100;
/** Of a session that makes no device known any more. */
const NOWHERE = { network: null, device: null } as const;
/** The period in which a used refresh token works again, for a client that lost the response. */
const GRACE = sql`interval '10 seconds'`;

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Seconds that the access token lives. */
  readonly expiresIn: number;
}

/** Where a login or a refresh comes from. */
export interface Client {
  readonly clientAddress: string;
  readonly userAgent: string | undefined;
}

export interface SessionRow {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly network: string | null;
  readonly device: string | null;
}

/** A session begins with a login and lives on through its refresh tokens, each of which works once. */
export interface Sessions {
  /** Begins a session, in the database transaction that is given. */
  begin(transaction: Database, userId: UserId, client: Client): Promise<Tokens>;
  /** @throws {ProblemError} `refresh_token_invalid`, `refresh_token_reused` */
  refresh(refreshToken: string, client: Client): Promise<Tokens>;
  /**
   * Ends all sessions of a user, or all but one, in the transaction that is given. Call what it returns once that has committed: from
   * then on this process refuses their access tokens. Forgets where these sessions came from, and those that had ended before: whoever began them
   * may have been a stranger, and logins from there are new again.
   */
  endAll(transaction: Database, userId: UserId, exceptSessionId?: string): Promise<() => void>;
  /** The live sessions of a user, the one that was used last first; a hundred at most. */
  list(userId: UserId): Promise<readonly SessionRow[]>;
  /** Ends one session of a user and forgets where it came from; may be called again. @throws {ProblemError} `session_not_found` */
  endOne(userId: UserId, sessionId: string): Promise<void>;
  /** Logs out: ends the session of this token, and remembers where it came from; does nothing when there is none. */
  end(refreshToken: string): Promise<void>;
  removeExpired(): Promise<void>;
}

export function createSessions(options: {
  readonly database: Database;
  readonly ledger: string;
  readonly accessTokens: AccessTokens;
  readonly revokedSessions: RevokedSessions;
}): Sessions {
  const { database, ledger, accessTokens, revokedSessions } = options;

  async function issue(
    transaction: Database,
    session: { readonly userId: UserId; readonly sessionId: string },
    parentHash: Buffer | null,
  ): Promise<Tokens> {
    const refreshToken = newSecret('mpr_');
    await transaction
      .insertInto('refresh_tokens')
      .values({
        ledger,
        token_hash: hashSecret(refreshToken),
        session_id: session.sessionId,
        parent_hash: parentHash,
        expires_at: sql<Date>`now() + make_interval(days => ${REFRESH_TOKEN_DAYS})`,
      })
      .execute();
    return { accessToken: await accessTokens.issue(session), refreshToken, expiresIn: ACCESS_TOKEN_LIFETIME_S };
  }

  async function revoke(sessionId: string, why: 'logout' | 'distrust'): Promise<void> {
    await database
      .updateTable('sessions')
      .set({ revoked_at: sql<Date>`now()`, ...(why === 'distrust' ? NOWHERE : {}) })
      .where('ledger', '=', ledger)
      .where('id', '=', sessionId)
      .where('revoked_at', 'is', null)
      .execute();
    revokedSessions.add(sessionId);
  }

  return {
    async begin(transaction, userId, { clientAddress, userAgent }) {
      const sessionId = uuidv7();
      await transaction
        .insertInto('sessions')
        .values({
          ledger,
          id: sessionId,
          user_id: userId,
          network: networkOf(clientAddress),
          device: shortDevice(userAgent),
        })
        .execute();
      return issue(transaction, { userId, sessionId }, null);
    },

    async refresh(refreshToken, { clientAddress }) {
      const tokenHash = hashSecret(refreshToken);
      const outcome = await database.transaction().execute(async (transaction) => {
        const found = await lockToken(transaction, ledger, tokenHash);
        if (found === undefined) return 'invalid';
        if (!found.mayBeUsed) return found.sessionId;
        await transaction
          .updateTable('refresh_tokens')
          .set({ used_at: sql<Date>`coalesce(used_at, now())` })
          .where('ledger', '=', ledger)
          .where('token_hash', '=', tokenHash)
          .execute();
        await transaction
          .updateTable('sessions')
          .set({ last_used_at: sql<Date>`now()`, network: networkOf(clientAddress) })
          .where('ledger', '=', ledger)
          .where('id', '=', found.sessionId)
          .execute();
        return issue(transaction, found, tokenHash);
      });
      if (typeof outcome === 'object') return outcome;
      if (outcome === 'invalid') throw new ProblemError('refresh_token_invalid', 'log in again');
      // Its holder or a thief has used it or its sibling before. It is unknown which of them sends it now, so both lose the session.
      await revoke(outcome, 'distrust');
      throw new ProblemError(
        'refresh_token_reused',
        'this refresh token, or one issued with it, was used before, so the session has ended: log in again',
      );
    },

    async endAll(transaction, userId, exceptSessionId) {
      const all = transaction
        .updateTable('sessions')
        .set(NOWHERE)
        .where('ledger', '=', ledger)
        .where('user_id', '=', userId);
      const others = exceptSessionId === undefined ? all : all.where('id', '!=', exceptSessionId);
      const ended = await others
        .set({ revoked_at: sql<Date>`now()` })
        .where('revoked_at', 'is', null)
        .returning('id')
        .execute();
      await others.where('network', 'is not', null).execute();
      return () => {
        for (const { id } of ended) revokedSessions.add(id);
      };
    },

    list: (userId) =>
      database
        .selectFrom('sessions')
        .select(['id', 'created_at as createdAt', 'last_used_at as lastUsedAt', 'network', 'device'])
        .where('ledger', '=', ledger)
        .where('user_id', '=', userId)
        .where('revoked_at', 'is', null)
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('refresh_tokens')
              .where('refresh_tokens.ledger', '=', ledger)
              .whereRef('session_id', '=', 'sessions.id')
              .where('expires_at', '>', sql<Date>`now()`)
              .select('token_hash'),
          ),
        )
        .orderBy('last_used_at', 'desc')
        .orderBy('id', 'desc')
        .limit(LISTED_MAX)
        .execute(),

    async endOne(userId, sessionId) {
      const row = await database
        .selectFrom('sessions')
        .select('id')
        .where('ledger', '=', ledger)
        .where('id', '=', sessionId)
        .where('user_id', '=', userId)
        .executeTakeFirst();
      if (row === undefined) throw sessionMissing();
      await revoke(row.id, 'distrust');
    },

    async end(refreshToken) {
      const row = await database
        .selectFrom('refresh_tokens')
        .select('session_id')
        .where('ledger', '=', ledger)
        .where('token_hash', '=', hashSecret(refreshToken))
        .executeTakeFirst();
      if (row !== undefined) await revoke(row.session_id, 'logout');
    },

    async removeExpired() {
      await database
        .deleteFrom('refresh_tokens')
        .where('ledger', '=', ledger)
        .where('expires_at', '<', sql<Date>`now()`)
        .execute();
      await database
        .deleteFrom('sessions')
        .where('ledger', '=', ledger)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('refresh_tokens')
                .where('refresh_tokens.ledger', '=', ledger)
                .whereRef('session_id', '=', 'sessions.id')
                .select('token_hash'),
            ),
          ),
        )
        .execute();
    },
  };
}

export function sessionMissing(): ProblemError {
  return new ProblemError('session_not_found', 'you have no session with this id');
}

/** Reads a live token and locks its session, so that two requests with one token come one after the other. */
async function lockToken(transaction: Database, ledger: string, tokenHash: Buffer) {
  const session = await transaction
    .selectFrom('sessions')
    .innerJoin('refresh_tokens', (join) =>
      join
        .onRef('refresh_tokens.ledger', '=', 'sessions.ledger')
        .onRef('refresh_tokens.session_id', '=', 'sessions.id'),
    )
    .select(['sessions.id as sessionId', 'sessions.user_id as userId'])
    .where('sessions.ledger', '=', ledger)
    .where('token_hash', '=', tokenHash)
    .where('expires_at', '>', sql<Date>`now()`)
    .where('revoked_at', 'is', null)
    .forUpdate('sessions')
    .executeTakeFirst();
  if (session === undefined) return undefined;
  // A statement of its own, as it must see what the request that was waited for has committed.
  const { mayBeUsed } = await transaction
    .selectFrom('refresh_tokens')
    .select(({ or, and, eb, not, exists, selectFrom }) =>
      or([
        and([
          eb('used_at', 'is', null),
          // A thief may have exchanged a copy of the parent within the grace period too: only one of the two may continue.
          not(
            exists(
              selectFrom('refresh_tokens as sibling')
                .where('sibling.ledger', '=', ledger)
                .whereRef('sibling.parent_hash', '=', 'refresh_tokens.parent_hash')
                .where('sibling.used_at', 'is not', null)
                .select('sibling.token_hash'),
            ),
          ),
        ]),
        and([
          // A use in the future is of before the database's clock was set back.
          sql<boolean>`used_at between now() - ${GRACE} and now() + ${GRACE}`,
          not(
            exists(
              selectFrom('refresh_tokens as child')
                .where('child.ledger', '=', ledger)
                .where('child.parent_hash', '=', tokenHash)
                .where('child.used_at', 'is not', null)
                .select('child.token_hash'),
            ),
          ),
        ]),
      ]).as('mayBeUsed'),
    )
    .where('ledger', '=', ledger)
    .where('token_hash', '=', tokenHash)
    .executeTakeFirstOrThrow();
  return { ...session, mayBeUsed: Boolean(mayBeUsed) };
}
