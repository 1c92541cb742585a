import { MicroPayError } from './errors.js';

/** The tokens of a user's session. Keep both secret, and always store the newest pair: a refresh token works once. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export type OnTokens = (tokens: Tokens | null) => void | Promise<void>;

/** Holds the credentials of a client, and renews them at most once at a time. */
export interface Session {
  /** Returns the credential for a request; waits for a renewal in progress. */
  credential(): Promise<string | undefined>;
  /** Returns another credential than the refused one; undefined if there is none. */
  renew(refused: string | undefined): Promise<string | undefined>;
  refresh(): Promise<Tokens>;
  refreshToken(): string | undefined;
  /** Takes over new tokens, or forgets the present ones. */
  adopt(tokens: Tokens | null): Promise<void>;
}

export interface SessionOptions {
  readonly apiKey?: string;
  readonly accessToken?: string;
  readonly refreshToken?: string;
  readonly onTokens?: OnTokens;
  readonly exchange: (refreshToken: string) => Promise<Tokens>;
}

export function createSession(options: SessionOptions): Session {
  const { apiKey, onTokens, exchange } = options;
  let { accessToken, refreshToken } = options;
  let renewal: Promise<Tokens> | undefined;

  const adopt = async (tokens: Tokens | null): Promise<void> => {
    accessToken = tokens?.accessToken;
    refreshToken = tokens?.refreshToken;
    return onTokens?.(tokens);
  };

  const exchangeOnce = async (spent: string | undefined): Promise<Tokens> => {
    if (spent === undefined) throw new MicroPayError('authentication_required', 'there is no refresh token: log in');
    try {
      const tokens = await exchange(spent);
      // Someone who logged in or out meanwhile is not to be overruled.
      if (refreshToken === spent) await adopt(tokens);
      return tokens;
    } catch (error) {
      if (error instanceof MicroPayError && error.status === 401 && refreshToken === spent) await adopt(null);
      throw error;
    }
  };

  /** Every call that meets an expired token at the same time shares one exchange: the refresh token works once. */
  const refresh = (): Promise<Tokens> => {
    renewal ??= exchangeOnce(refreshToken).finally(() => {
      renewal = undefined;
    });
    return renewal;
  };

  const renewed = async (): Promise<string | undefined> =>
    refreshToken === undefined ? undefined : (await refresh()).accessToken;

  return {
    adopt,
    refresh,
    refreshToken: () => refreshToken,
    async credential() {
      if (apiKey !== undefined) return apiKey;
      if (renewal !== undefined) return (await renewal).accessToken;
      return accessToken ?? renewed();
    },
    async renew(refused) {
      if (apiKey !== undefined) return undefined;
      if (renewal === undefined && accessToken !== undefined && accessToken !== refused) return accessToken;
      return renewed();
    },
  };
}
