import type { Database } from '../database/connect.js';
import type { UserId } from '../identity/user-id.js';
import { networkOf } from '../throttling/network-of.js';
import type { AuthServices } from './auth-services.js';
import type { Client, Tokens } from './sessions.js';
import { shortDevice } from './short-device.js';

/**
 * Begins the session of a login. Unless another session of the user has the same device and network, the user is told; a session that
 * ended for another reason than a logout or its age has neither any more. A device is no more than the name of its program and system, which a stranger may have as
 * well. The caller has locked the user's row.
 */
export async function beginSession(
  { ledger, sessions, signInNotices }: Pick<AuthServices, 'ledger' | 'sessions' | 'signInNotices'>,
  transaction: Database,
  { userId, client }: { readonly userId: UserId; readonly client: Client },
): Promise<Tokens> {
  const device = shortDevice(client.userAgent);
  const network = networkOf(client.clientAddress);
  const known = await transaction
    .selectFrom('sessions')
    .select('id')
    .where('ledger', '=', ledger.name)
    .where('user_id', '=', userId)
    .where('network', '=', network)
    .where('device', device === null ? 'is' : '=', device)
    .limit(1)
    .executeTakeFirst();
  const tokens = await sessions.begin(transaction, userId, client);
  // Last, as it may write an event, at whose position readers of the log wait until the transaction ends.
  if (known === undefined) await signInNotices.newDevice(transaction, userId, { device: device ?? '', network });
  return tokens;
}
