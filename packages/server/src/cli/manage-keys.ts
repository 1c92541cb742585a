import { ApiKeyNameField, apiKeyJson, issuedJson, NetworkField } from '../auth/api-key-json.js';
import { type ApiKeyRow, type ApiKeyStore, createApiKeyStore, type IssuedApiKey } from '../auth/api-key-store.js';
import { OVERLAP_SECONDS_MAX } from '../http/fields.js';
import { SCOPE_NAMES, SCOPES } from '../identity/scope.js';
import { didYouMean } from '../process/nearest-name.js';
import { cliAct } from './cli-act.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import type { CommandContext } from './command.js';
import { formatTable } from './format-table.js';
import { timeIn } from './time-in.js';
import { withServerTables } from './with-server-tables.js';

const ACTIONS = { list, create, rotate, revoke } as const;

/** Does what the first word says to the key that the second one names. */
export async function manageKeys(context: CommandContext): Promise<ExitCode> {
  const [word = '', name] = context.words;
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word as keyof typeof ACTIONS] : undefined;
  if (action === undefined) {
    const actions = Object.keys(ACTIONS);
    const meant = didYouMean(word, actions) || `: it is one of ${actions.join(', ')}`;
    throw new CliError('usage', `micropay keys has no "${word}"${meant}`);
  }
  if ((action === list) !== (name === undefined)) {
    throw new CliError('usage', `micropay keys ${word}: ${name === undefined ? 'name the key' : 'takes no name'}`);
  }
  // Before anything is opened, so that a slip is answered at once.
  const work = action(context, name ?? '');
  await withServerTables(context, (database, ledger) => work(createApiKeyStore(database, ledger)));
  return EXIT.ok;
}

type Work = (keys: ApiKeyStore) => Promise<void>;

/** As many as a server can keep in memory. */
const LISTED_MAX = 10_000;

function list({ output }: CommandContext): Work {
  return async (keys) => {
    const rows = await keys.list({ after: '', limit: LISTED_MAX });
    output.value(rows.map(apiKeyJson));
    output.text(rows.length === 0 ? 'There are no API keys.' : formatTable(rows.map(cellsOf)));
  };
}

function create({ output, options }: CommandContext, name: string): Work {
  const { scopes, networks, expires, reason } = options;
  if (!ApiKeyNameField.safeParse(name).success) {
    throw new CliError('usage', `"${name}" is not a valid key name: use 1 to 63 letters, digits, "_", "." and "-"`);
  }
  const request = {
    name,
    scopes: scopesIn(scopes),
    networks: networks === undefined ? undefined : networksIn(String(networks)),
    expiresAt: timeIn('--expires', expires),
    createdBy: 'cli',
  };
  const act = cliAct('createApiKey', reason);
  return async (keys) => report(output, await keys.create(request, act));
}

function rotate({ output, options: { overlap = '0', reason } }: CommandContext, name: string): Work {
  const seconds = Number(overlap);
  if (!/^[0-9]{1,7}$/.test(String(overlap)) || seconds > OVERLAP_SECONDS_MAX) {
    throw new CliError('usage', `--overlap takes whole seconds, at most ${OVERLAP_SECONDS_MAX}`);
  }
  const act = cliAct('rotateApiKey', reason);
  return async (keys) => {
    const { id } = await keys.get(name);
    report(output, await keys.rotate(id, seconds, act));
  };
}

function revoke({ output, options: { reason } }: CommandContext, name: string): Work {
  const act = cliAct('revokeApiKey', reason);
  return async (keys) => {
    const { id } = await keys.get(name);
    const row = await keys.revoke(id, act);
    output.value(apiKeyJson(row));
    output.text(`The API key "${row.name}" is revoked.`);
  };
}

function report(output: CommandContext['output'], issued: IssuedApiKey): void {
  output.value(issuedJson(issued));
  output.text(`${issued.key}\n\nThis is the key "${issued.row.name}". It is not stored and cannot be shown again.`);
}

function scopesIn(list: string | boolean | undefined): readonly string[] {
  if (typeof list !== 'string') throw new CliError('usage', `--scopes is missing: it lists ${SCOPE_NAMES.join(', ')}`);
  const scopes = partsOf(list);
  for (const scope of scopes) {
    if (Object.hasOwn(SCOPES, scope)) continue;
    const meant = didYouMean(scope, SCOPE_NAMES) || `: it is one of ${SCOPE_NAMES.join(', ')}`;
    throw new CliError('usage', `there is no scope "${scope}"${meant}`);
  }
  return scopes;
}

function networksIn(list: string): readonly string[] {
  const networks = partsOf(list);
  const wrong = networks.find((network) => !NetworkField.safeParse(network).success);
  if (wrong !== undefined) throw new CliError('usage', `"${wrong}" is not a CIDR block such as 10.0.0.0/8`);
  return networks;
}

function partsOf(list: string): readonly string[] {
  return list.split(',').map((part) => part.trim());
}

function cellsOf(row: ApiKeyRow) {
  const { name, scopes, networks, createdAt, expiresAt, lastUsedAt, revokedAt } = apiKeyJson(row);
  return {
    name,
    scopes: scopes.join(' '),
    networks: networks?.join(' ') ?? 'all',
    created: createdAt,
    'last used': lastUsedAt ?? 'never',
    ends: revokedAt ?? expiresAt ?? 'never',
  };
}
