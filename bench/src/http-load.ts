import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createClient, type MicroPayClient, type VerifyReport } from '@micropay/client-sdk';
import { CURRENCY } from './book.js';
import type { Window } from './latencies.js';
import type { Load } from './load.js';
import type { Payer } from './raw-requests.js';

const USERS = 64;
const WALLETS_PER_USER = 16;
const OPENING_BALANCE = 1_000_000_000_000n;
/** Long enough to look through some million transfers. */
const VERIFY_TIMEOUT_MS = 300_000;
const TYPESCRIPT = ['--import', import.meta.resolve('tsx')];

/** A message to the load generator. */
export type Order =
  | {
      readonly kind: 'start';
      readonly host: string;
      readonly port: number;
      /** One connection each. */
      readonly payers: readonly Payer[];
      readonly payees: readonly string[];
      readonly batchSize: number;
    }
  | { readonly kind: 'measure'; readonly durationMs: number }
  | { readonly kind: 'stop' };

/** A message from the load generator. */
export type Reply =
  | { readonly kind: 'measured'; readonly window: Window }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly message: string };

/** A server in a process of its own, with users whose wallets hold money. */
export interface HttpTarget {
  readonly serverPid: number;
  /** Starts connections that send transfers, one or a batch in each request. */
  startLoad(options: { connections: number; batchSize: number }): Load;
  verify(): Promise<VerifyReport>;
  stop(): Promise<void>;
}

export async function startHttpTarget(database: string, profileDirectory: string | undefined): Promise<HttpTarget> {
  const operatorKey = randomBytes(24).toString('base64url');
  const profiling = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const server = fork(fileURLToPath(new URL('server-process.ts', import.meta.url)), {
    execArgv: [...TYPESCRIPT, ...profiling],
    env: { ...process.env, DATABASE_URL: database, HOST: '127.0.0.1', PORT: '0', OPERATOR_API_KEY: operatorKey },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { url } = await nextMessage<{ url: string }>(server);
  const operator = createClient({ baseUrl: url, apiKey: operatorKey, timeoutMs: VERIFY_TIMEOUT_MS });
  const payers = await makeUsers(url, operator);
  const payees = payers.flatMap(({ wallets }) => wallets);
  const { hostname: host, port } = new URL(url);
  return {
    serverPid: server.pid ?? 0,
    startLoad: ({ connections, batchSize }) =>
      startGenerator({
        kind: 'start',
        host,
        port: Number(port),
        payers: payers.slice(0, connections),
        payees,
        batchSize,
      }),
    verify: operator.verify,
    async stop() {
      server.disconnect();
      await once(server, 'exit');
    },
  };
}

async function makeUsers(baseUrl: string, operator: MicroPayClient): Promise<readonly Payer[]> {
  const run = Date.now();
  const payers: Payer[] = [];
  for (let index = 0; index < USERS; index++) {
    const user = createClient({ baseUrl });
    const email = `user-${index}-${run}@example.com`;
    const password = randomBytes(16).toString('hex');
    const { wallet, accessToken } = await user.auth.register({ email, password, currency: CURRENCY });
    const others = Array.from({ length: WALLETS_PER_USER - 1 }, (_, other) =>
      user.wallets.create({ currency: CURRENCY, name: `wallet-${other}` }),
    );
    const wallets = [wallet, ...(await Promise.all(others))].map(({ id }) => id);
    await Promise.all(
      wallets.map((id) => operator.deposits.create({ wallet: id, amount: OPENING_BALANCE, currency: CURRENCY })),
    );
    payers.push({ accessToken, wallets });
  }
  return payers;
}

function startGenerator(order: Order): Load {
  const generator = fork(fileURLToPath(new URL('load-generator.ts', import.meta.url)), { execArgv: TYPESCRIPT });
  generator.send(order);
  return {
    async measure(durationMs) {
      generator.send({ kind: 'measure', durationMs } satisfies Order);
      return expectReply(await nextMessage<Reply>(generator), 'measured').window;
    },
    async stop() {
      generator.send({ kind: 'stop' } satisfies Order);
      expectReply(await nextMessage<Reply>(generator), 'stopped');
    },
  };
}

function expectReply<Kind extends Reply['kind']>(reply: Reply, kind: Kind): Extract<Reply, { kind: Kind }> {
  if (reply.kind === 'failed') throw new Error(`the load generator failed: ${reply.message}`);
  if (reply.kind !== kind) throw new Error(`the load generator said ${reply.kind} in place of ${kind}`);
  return reply as Extract<Reply, { kind: Kind }>;
}

async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const ended = new AbortController();
  const onExit = () => ended.abort();
  child.once('exit', onExit);
  try {
    const [message] = await once(child, 'message', { signal: ended.signal });
    return message as Message;
  } catch (cause) {
    throw new Error(`a process of the benchmark ended early, with code ${child.exitCode}`, { cause });
  } finally {
    child.off('exit', onExit);
  }
}
