import type { Database } from '../database/connect.js';
import { isId } from '../http/fields.js';
import type { Act } from '../identity/act.js';
import type { UserId } from '../identity/user-id.js';
import { didYouMean } from '../process/nearest-name.js';
import { roleGrantJson } from '../roles/role-json.js';
import { grantSupport, listRoles, revokeSupport } from '../roles/role-store.js';
import { canonicalEmail } from '../users/email.js';
import { userMissing } from '../users/user-id-in.js';
import { findUserByEmail } from '../users/users.js';
import { cliAct } from './cli-act.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import type { CommandContext } from './command.js';
import { formatTable } from './format-table.js';
import { withServerTables } from './with-server-tables.js';

const ACTIONS = ['list', 'grant', 'revoke'];
/** As many as a server can keep in memory. */
const LISTED_MAX = 10_000;

/** Does what the first word says to the user whom the second one names. */
export async function manageRoles(context: CommandContext): Promise<ExitCode> {
  const [action = '', user] = context.words;
  if (!ACTIONS.includes(action)) {
    const meant = didYouMean(action, ACTIONS) || `: it is one of ${ACTIONS.join(', ')}`;
    throw new CliError('usage', `micropay roles has no "${action}"${meant}`);
  }
  if ((action === 'list') !== (user === undefined)) {
    throw new CliError('usage', `micropay roles ${action}: ${user === undefined ? 'name the user' : 'takes no user'}`);
  }
  // Before anything is opened, so that a slip is answered at once.
  const act = cliAct(action === 'grant' ? 'grantRole' : 'revokeRole', context.options.reason);
  await withServerTables(context, (database, ledger) =>
    user === undefined ? list(context, database, ledger) : change(context, { database, ledger, user, act }),
  );
  return EXIT.ok;
}

async function list({ output }: CommandContext, database: Database, ledger: string): Promise<void> {
  const grants = (await listRoles(database, ledger, { after: undefined, limit: LISTED_MAX })).map(roleGrantJson);
  output.value(grants);
  const rows = grants.map(({ userId, role, grantedBy, grantedAt }) => ({
    user: userId,
    role,
    granted: grantedAt,
    by: grantedBy,
  }));
  output.text(rows.length === 0 ? 'No user has a role.' : formatTable(rows));
}

async function change(
  { output, words: [action] }: CommandContext,
  { database, ledger, user, act }: { database: Database; ledger: string; user: string; act: Act },
): Promise<void> {
  const id = await userIdOf(database, ledger, user);
  if (action === 'grant') {
    output.value(roleGrantJson(await grantSupport(database, ledger, id, act)));
    output.text(`The user ${id} is support.`);
  } else {
    await revokeSupport(database, ledger, id, act);
    output.value({ userId: id, role: null });
    output.text(`The user ${id} is no longer support.`);
  }
}

async function userIdOf(database: Database, ledger: string, user: string): Promise<UserId> {
  if (isId(user)) return user as UserId;
  const email = canonicalEmail(user);
  const found = email === undefined ? undefined : await findUserByEmail(database, ledger, email);
  if (found === undefined) throw userMissing();
  return found.id;
}
