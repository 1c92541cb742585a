import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type ClientOptions, createClient, MicroPayError } from '../../src/index.js';
import type { TestServer } from './test-server.js';

const PASSWORD = 'correct horse battery';

/** A user with a wallet that holds a balance. */
export async function makeUser(
  server: TestServer,
  { balance = 0n, ...options }: Partial<ClientOptions> & { balance?: bigint } = {},
) {
  const email = `${randomUUID()}@example.com`;
  const client = createClient({ baseUrl: server.url, ...options });
  const { wallet } = await client.auth.register({ email, password: PASSWORD });
  if (balance > 0n) {
    await server.operator.deposits.create({ wallet: wallet.id, amount: balance, currency: 'USD' });
  }
  return {
    client,
    email,
    wallet: wallet.id,
    money: async () => {
      const { balance: posted, pendingIn, pendingOut, available } = await client.wallets.get(wallet.id);
      return { posted, pendingIn, pendingOut, available };
    },
    pay: (to: string, amount: bigint) => ({ from: wallet.id, to, amount, currency: 'USD' }),
  };
}

/** The code of the error that a call must end in. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MicroPayError);
  return (error as MicroPayError).code;
}
