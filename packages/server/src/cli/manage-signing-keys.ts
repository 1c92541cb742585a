import { setTimeout as sleep } from 'node:timers/promises';
import {
  createSigningKeyStore,
  PUBLISHED_SECONDS,
  SigningKeyError,
  type SigningKeyRow,
  type SigningKeyStore,
} from '../auth/tokens/signing-key-store.js';
import { isId } from '../http/fields.js';
import { didYouMean } from '../process/nearest-name.js';
import { cliAct } from './cli-act.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import type { CommandContext } from './command.js';
import { formatTable } from './format-table.js';
import { withServerTables } from './with-server-tables.js';

const ACTIONS = { list, next, activate, retire } as const;

function refuse(error: unknown): never {
  if (!(error instanceof SigningKeyError)) throw error;
  throw new CliError(error.code, error.message, { cause: error });
}

const RETRY_MS = 500;
/** A moment more than a key has to be known. */
const TRIES_MAX = ((PUBLISHED_SECONDS + 2) * 1_000) / RETRY_MS;

/** Does what the first word says to the signing keys. */
export async function manageSigningKeys(context: CommandContext): Promise<ExitCode> {
  const [word = '', kid] = context.words;
  const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word as keyof typeof ACTIONS] : undefined;
  if (action === undefined) {
    const actions = Object.keys(ACTIONS);
    const meant = didYouMean(word, actions) || `: it is one of ${actions.join(', ')}`;
    throw new CliError('usage', `micropay signing-keys has no "${word}"${meant}`);
  }
  if ((action === retire) !== (kid !== undefined)) {
    throw new CliError(
      'usage',
      `micropay signing-keys ${word}: ${kid === undefined ? 'name the key' : 'takes no key'}`,
    );
  }
  await withServerTables(context, (database, ledger) =>
    action(context, createSigningKeyStore(database, ledger)).catch(refuse),
  );
  return EXIT.ok;
}

async function list({ output }: CommandContext, keys: SigningKeyStore): Promise<void> {
  const rows = (await keys.list()).map(keyJson);
  output.value(rows);
  const cells = rows.map(({ kid, state, createdAt, activatedAt, retiredAt }) => ({
    key: kid,
    state,
    made: createdAt,
    activated: activatedAt ?? '',
    retired: retiredAt ?? '',
  }));
  output.text(cells.length === 0 ? 'There are no keys: a server makes the first one.' : formatTable(cells));
}

async function next({ output, options }: CommandContext, keys: SigningKeyStore): Promise<void> {
  const row = await keys.makeNext(cliAct('makeSigningKey', options.reason));
  output.value(keyJson(row));
  output.text(
    `${row.kid} is the next key. Activate it once every verifier of your own has read the published keys again.`,
  );
}

async function activate(context: CommandContext, keys: SigningKeyStore): Promise<void> {
  const { output, options, signal } = context;
  for (let tries = 1; ; tries += 1) {
    try {
      const row = await keys.activate(cliAct('activateSigningKey', options.reason));
      output.value(keyJson(row));
      return output.text(`${row.kid} signs now. The key before it verifies for another day, and is then removed.`);
    } catch (error) {
      const isTooEarly = error instanceof SigningKeyError && error.code === 'signing_key_in_use';
      if (!isTooEarly || tries >= TRIES_MAX) throw error;
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}

async function retire({ output, options, words }: CommandContext, keys: SigningKeyStore): Promise<void> {
  const kid = words[1] ?? '';
  if (!isId(kid)) throw new CliError('signing_key_not_found', 'no signing key has this id');
  await keys.end(kid, { endsTokens: options.now === true }, cliAct('retireSigningKey', options.reason));
  output.value({ kid, state: null });
  output.text(`${kid} counts no longer.`);
}

function keyJson({ kid, state, created_at, activated_at, retired_at }: SigningKeyRow) {
  return {
    kid,
    state,
    createdAt: created_at.toISOString(),
    activatedAt: activated_at?.toISOString() ?? null,
    retiredAt: retired_at?.toISOString() ?? null,
  };
}
