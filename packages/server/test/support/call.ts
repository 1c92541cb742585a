import { randomUUID } from 'node:crypto';
import { OPERATOR_KEY } from './test-server.js';

/** A response, with its body as it was sent. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape, and compare them with what they expect.
  readonly body: any;
}

export interface CallOptions {
  readonly token?: string | undefined;
  readonly key?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Without it a request waits for its response without a limit. */
  readonly timeoutMs?: number;
}

export async function call(url: string, target: string, options: CallOptions = {}): Promise<Reply> {
  const [method = 'GET', path = '/'] = target.split(' ');
  const { token, key, body, headers, timeoutMs } = options;
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...headers,
    },
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    // A stream has no end to wait for.
    await response.body?.cancel();
    return { status: response.status, headers: response.headers, body: undefined };
  }
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

export interface TestUser {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
  readonly wallet: string;
}

const PASSWORD = 'correct horse battery';

/** A new user with a USD wallet, and money in it when a balance is given. */
export async function registerUser(url: string, { balance = 0n }: { balance?: bigint } = {}): Promise<TestUser> {
  const email = `${randomUUID()}@example.com`;
  const { status, body } = await call(url, 'POST /v1/auth/register', { body: { email, password: PASSWORD } });
  if (status !== 201) throw new Error(`registration answered ${status}: ${JSON.stringify(body)}`);
  const wallet: string = body.wallet.id;
  if (balance > 0n) {
    const { status: deposited } = await deposit(url, wallet, balance);
    if (deposited !== 201) throw new Error(`the deposit answered ${deposited}`);
  }
  return {
    id: body.user.id,
    email,
    password: PASSWORD,
    token: body.accessToken,
    refreshToken: body.refreshToken,
    wallet,
  };
}

export async function deposit(url: string, wallet: string, amount: bigint, currency = 'USD'): Promise<Reply> {
  return call(url, 'POST /v1/deposits', {
    token: OPERATOR_KEY,
    key: randomUUID(),
    body: { wallet, amount: String(amount), currency },
  });
}

export async function balanceOf(url: string, user: TestUser): Promise<string> {
  return (await call(url, `GET /v1/wallets/${user.wallet}`, { token: user.token })).body.balance;
}
