import { registerUser, type TestUser } from './call.js';
import { startTestServer, type TestServer } from './test-server.js';

type Users<Balances extends readonly bigint[]> = { [Index in keyof Balances]: TestUser };

/**
 * A server of its own and new users, one for each balance: each has a USD wallet that holds so much, deposited by an
 * operator.
 */
export async function startServerWithUsers<Balances extends readonly bigint[]>(
  ...balances: Balances
): Promise<[server: TestServer, ...users: Users<Balances>]> {
  const server = await startTestServer();
  const users = await Promise.all(balances.map((balance) => registerUser(server.url, { balance })));
  return [server, ...(users as Users<Balances>)];
}
