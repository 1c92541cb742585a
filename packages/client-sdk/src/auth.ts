import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { Session, Tokens } from './session.js';
import type { CallOptions } from './transport.js';
import { parseWallet, type Wallet } from './wallets.js';

export type User = Readonly<components['schemas']['User']>;

export interface Registration {
  readonly email: string;
  /** 8 to 256 characters. */
  readonly password: string;
  readonly displayName?: string;
  /** Currency of the first wallet; default USD. */
  readonly currency?: string;
}

/** Tokens and the seconds until the access token expires; the client renews it by itself. */
export interface SessionTokens extends Tokens {
  readonly expiresIn: number;
}

export interface LoggedIn extends SessionTokens {
  readonly user: User;
}

export interface Registered extends LoggedIn {
  readonly wallet: Wallet;
}

export interface Auth {
  /**
   * Registers a user with a first wallet and logs this client in. If the outcome is unclear (`network_error`, `timeout`),
   * the client does not retry; log in to find out.
   *
   * @throws {MicroPayError} `email_taken`
   */
  register(registration: Registration, options?: CallOptions): Promise<Registered>;
  /** @throws {MicroPayError} `invalid_credentials`, `rate_limited` */
  login(credentials: { readonly email: string; readonly password: string }, options?: CallOptions): Promise<LoggedIn>;
  /**
   * Renews the tokens now. This is rarely needed: a call renews an expired token by itself, and concurrent calls share one
   * renewal.
   *
   * @throws {MicroPayError} `authentication_required`, `refresh_token_invalid`, `refresh_token_reused`
   */
  refresh(): Promise<Tokens>;
  /** Ends the session on the server and forgets the tokens, even if the server cannot be reached. */
  logout(options?: CallOptions): Promise<void>;
}

/** Short enough for three attempts within the ten seconds in which the server accepts a repeated refresh. */
const REFRESH_TIMEOUT_MS = 4_000;

export function createAuth(api: Api, session: Session): Auth {
  return {
    async register(registration, options) {
      const fetch = api.sendAnonymously({ ...options, repeatable: false });
      const answer = api.routes.POST('/v1/auth/register', { body: registration, fetch });
      const registered = await bodyOf(answer, (data) => ({ ...data, wallet: parseWallet(data.wallet) }));
      await session.adopt(registered);
      return registered;
    },
    async login(body, options) {
      const fetch = api.sendAnonymously({ ...options, repeatable: true });
      const loggedIn = await bodyOf(api.routes.POST('/v1/auth/login', { body, fetch }));
      await session.adopt(loggedIn);
      return loggedIn;
    },
    refresh: session.refresh,
    async logout(options) {
      const refreshToken = session.refreshToken();
      await session.adopt(null);
      if (refreshToken === undefined) return;
      const fetch = api.sendAnonymously({ ...options, repeatable: true });
      await bodyOf(api.routes.POST('/v1/auth/logout', { body: { refreshToken }, fetch }));
    },
  };
}

/** Exchanges a refresh token for new tokens. */
export function exchangeRefreshToken(api: Api, refreshToken: string): Promise<SessionTokens> {
  const fetch = api.sendAnonymously({ repeatable: true, timeoutMs: REFRESH_TIMEOUT_MS });
  return bodyOf(api.routes.POST('/v1/auth/refresh', { body: { refreshToken }, fetch }));
}
