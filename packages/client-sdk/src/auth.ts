import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { PasskeyOptions } from './second-factors.js';
import type { Session, Tokens } from './session.js';
import type { CallOptions } from './transport.js';
import { parseWallet, type Wallet } from './wallets.js';

export type User = Readonly<components['schemas']['User']>;

export interface Registration {
  readonly email: string;
  /** 15 to 256 characters. */
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
  /** Tells it from a `LoginChallenge`. */
  readonly challenge?: undefined;
}

/** The password is right, and a second factor has to complete the login: pass `challenge` to `auth.completeLogin`. */
export type LoginChallenge = Readonly<components['schemas']['LoginChallenge']>;

export interface Registered extends LoggedIn {
  readonly wallet: Wallet;
}

export interface Auth {
  /**
   * Registers a user with a first wallet and logs this client in. If the outcome is unclear (`network_error`, `timeout`),
   * the client does not retry; log in to find out.
   *
   * @throws {MicroPayError} `email_taken`, `password_weak`
   */
  register(registration: Registration, options?: CallOptions): Promise<Registered>;
  /**
   * Logs this client in. For a user with a second factor it returns a challenge, and the client is logged in by `completeLogin`.
   *
   * @throws {MicroPayError} `invalid_credentials`, `rate_limited`
   *
   * @example
   * const login = await client.auth.login({ email, password });
   * if (login.challenge !== undefined) {
   *   await client.auth.completeLogin({ challenge: login.challenge, code: await askForCode(login.methods) });
   * }
   */
  login(
    credentials: { readonly email: string; readonly password: string },
    options?: CallOptions,
  ): Promise<LoggedIn | LoginChallenge>;
  /**
   * Completes a login with a code of an authenticator app or a recovery code, and logs this client in. If the outcome is unclear
   * (`network_error`, `timeout`), log in again.
   *
   * @throws {MicroPayError} `code_wrong`, `challenge_invalid`, `rate_limited`
   */
  completeLogin(
    completion: { readonly challenge: string; readonly code: string },
    options?: CallOptions,
  ): Promise<LoggedIn>;
  /**
   * Asks for what the browser completes a login with a passkey by. Pass it to `navigator.credentials.get()`, and the response to
   * `completeLoginWithPasskey`.
   *
   * @throws {MicroPayError} `challenge_invalid`, `second_factor_not_found`, `passkeys_off`
   */
  requestPasskey(challenge: string, options?: CallOptions): Promise<PasskeyOptions>;
  /**
   * Completes a login with the response of the browser, by its `toJSON()`, and logs this client in.
   *
   * @throws {MicroPayError} `passkey_refused`, `challenge_invalid`, `rate_limited`
   */
  completeLoginWithPasskey(
    completion: { readonly challenge: string; readonly response: object },
    options?: CallOptions,
  ): Promise<LoggedIn>;
  /**
   * Renews the tokens now. This is rarely needed: a call renews an expired token by itself, and concurrent calls share one
   * renewal.
   *
   * @throws {MicroPayError} `authentication_required`, `refresh_token_invalid`, `refresh_token_reused`
   */
  refresh(): Promise<Tokens>;
  /**
   * Asks for a mail with a link to choose a new password. The result is the same whether somebody has this email.
   *
   * @throws {MicroPayError} `rate_limited`, `mail_off`
   */
  requestPasswordReset(email: string, options?: CallOptions): Promise<void>;
  /**
   * Sets a new password with the token from the link of a mail, which works once and for an hour. Every session of the user ends: log in
   * afterwards. If the outcome is unclear (`network_error`, `timeout`), try to log in.
   *
   * @throws {MicroPayError} `link_invalid`, `password_weak`
   */
  completePasswordReset(
    reset: { readonly token: string; readonly password: string },
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Asks for another mail to confirm the current user's email; registration sends the first.
   *
   * @throws {MicroPayError} `rate_limited`, `mail_off`
   */
  requestEmailVerification(options?: CallOptions): Promise<void>;
  /** Confirms an email with the token from the link of a mail. @throws {MicroPayError} `link_invalid` */
  completeEmailVerification(token: string, options?: CallOptions): Promise<void>;
  /**
   * Changes the current user's password. Other sessions end. If the outcome is unclear (`network_error`, `timeout`), log in to find out.
   *
   * @throws {MicroPayError} `password_wrong`, `password_weak`
   */
  changePassword(
    change: { readonly currentPassword: string; readonly newPassword: string },
    options?: CallOptions,
  ): Promise<void>;
  /**
   * Asks for a mail to a new email, whose link confirms it. Nothing changes until then.
   *
   * @throws {MicroPayError} `password_wrong`, `rate_limited`, `mail_off`
   */
  requestEmailChange(
    change: { readonly email: string; readonly password: string },
    options?: CallOptions,
  ): Promise<void>;
  /** Confirms a new email with the token from the link of a mail. @throws {MicroPayError} `link_invalid`, `email_taken` */
  completeEmailChange(token: string, options?: CallOptions): Promise<void>;
  /**
   * Closes the current user's account for ever: the wallets, which must be empty, are closed, and the personal data is erased.
   *
   * @throws {MicroPayError} `password_wrong`, `account_not_empty`, `account_frozen`
   */
  closeAccount(password: string, options?: CallOptions): Promise<void>;
  /** Ends the session on the server and forgets the tokens, even if the server cannot be reached. */
  logout(options?: CallOptions): Promise<void>;
}

/** Short enough for three attempts within the ten seconds in which the server accepts a repeated refresh. */
const REFRESH_TIMEOUT_MS = 4_000;

export function createAuth({ routes, send, sendAnonymously }: Api, session: Session): Auth {
  const anonymously = (repeatable: boolean, options?: CallOptions) => ({
    fetch: sendAnonymously({ ...options, repeatable }),
  });
  return {
    async register(body, options) {
      const answer = routes.POST('/v1/auth/register', { body, ...anonymously(false, options) });
      const registered = await bodyOf(answer, (data) => ({ ...data, wallet: parseWallet(data.wallet) }));
      await session.adopt(registered);
      return registered;
    },
    async login(body, options) {
      const loggedIn = await bodyOf(routes.POST('/v1/auth/login', { body, ...anonymously(true, options) }));
      if ('challenge' in loggedIn) return loggedIn;
      await session.adopt(loggedIn);
      return loggedIn;
    },
    requestPasskey: (challenge, options) =>
      bodyOf(
        routes.POST('/v1/auth/login/passkey-request', { body: { challenge }, ...anonymously(true, options) }),
        (data) => data.options,
      ),
    async completeLoginWithPasskey(completion, options) {
      const body = completion as components['schemas']['CompletePasskeyLogin'];
      const loggedIn = await bodyOf(routes.POST('/v1/auth/login/passkey', { body, ...anonymously(false, options) }));
      await session.adopt(loggedIn);
      return loggedIn;
    },
    async completeLogin(body, options) {
      const loggedIn = await bodyOf(routes.POST('/v1/auth/login/complete', { body, ...anonymously(false, options) }));
      await session.adopt(loggedIn);
      return loggedIn;
    },
    requestPasswordReset: (email, options) =>
      bodyOf(routes.POST('/v1/auth/password-resets', { body: { email }, ...anonymously(true, options) })),
    completePasswordReset: (body, options) =>
      bodyOf(routes.POST('/v1/auth/password-resets/complete', { body, ...anonymously(false, options) })),
    requestEmailVerification: (options) =>
      bodyOf(routes.POST('/v1/auth/email-verifications', { fetch: send({ ...options, repeatable: true }) })),
    completeEmailVerification: (token, options) =>
      bodyOf(routes.POST('/v1/auth/email-verifications/complete', { body: { token }, ...anonymously(false, options) })),
    changePassword: (body, options) =>
      bodyOf(routes.POST('/v1/me/password', { body, fetch: send({ ...options, repeatable: false }) })),
    requestEmailChange: (body, options) =>
      bodyOf(routes.POST('/v1/me/email-changes', { body, fetch: send({ ...options, repeatable: true }) })),
    completeEmailChange: (token, options) =>
      bodyOf(routes.POST('/v1/auth/email-changes/complete', { body: { token }, ...anonymously(false, options) })),
    async closeAccount(password, options) {
      await bodyOf(routes.POST('/v1/me/close', { body: { password }, fetch: send({ ...options, repeatable: false }) }));
      await session.adopt(null);
    },
    refresh: session.refresh,
    async logout(options) {
      const refreshToken = session.refreshToken();
      await session.adopt(null);
      if (refreshToken === undefined) return;
      await bodyOf(routes.POST('/v1/auth/logout', { body: { refreshToken }, ...anonymously(true, options) }));
    },
  };
}

/** Exchanges a refresh token for new tokens. */
export function exchangeRefreshToken(api: Api, refreshToken: string): Promise<SessionTokens> {
  const fetch = api.sendAnonymously({ repeatable: true, timeoutMs: REFRESH_TIMEOUT_MS });
  return bodyOf(api.routes.POST('/v1/auth/refresh', { body: { refreshToken }, fetch }));
}
