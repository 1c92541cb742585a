import {
  type MigrateOptions,
  type MigrationPhase,
  migrate,
  type PendingMigration,
  planMigrations,
} from '@micropay/ledger-core';
import { readDatabaseSettings } from '../process/config.js';
import { migrateServer, planServer } from '../process/migrate-server.js';
import { CliError, EXIT } from './cli-error.js';
import type { Command } from './command.js';
import { formatTable } from './format-table.js';

const PHASES: readonly MigrationPhase[] = ['before', 'after'];

export const migrateCommand: Command = {
  summary: 'migrate the tables to this release',
  parameters: '',
  help: [
    '--plan          change nothing: show what each migration locks, how long it may take and when it is to come',
    '--phase PHASE   before: only what comes before the new code starts; after: everything, the default',
    '--ledger-only   migrate only the tables of the ledger, not those of the server',
  ],
  words: { min: 0, max: 0 },
  options: { 'ledger-only': { type: 'boolean' }, plan: { type: 'boolean' }, phase: { type: 'string' } },
  async run({ variables, output, options }) {
    const { databaseUrl: database, databaseSchema: schema } = readDatabaseSettings(variables);
    const { plan, phase, 'ledger-only': ledgerOnly } = options;
    const tables = { database, schema, phase: readPhase(phase) } satisfies MigrateOptions;
    if (plan) {
      const pending = await (ledgerOnly ? planMigrations(tables) : planServer(tables));
      output.value({ schema, pending });
      output.text(pending.length === 0 ? upToDate(schema) : formatTable(pending.map(toRow)));
      return EXIT.ok;
    }
    const applied = await (ledgerOnly ? migrate(tables) : migrateServer(tables));
    output.value({ schema, applied });
    output.text(applied.length === 0 ? upToDate(schema) : `Applied to "${schema}": ${applied.join(', ')}`);
    return EXIT.ok;
  },
};

function upToDate(schema: string): string {
  return `Schema "${schema}" is up to date.`;
}

/** @throws {CliError} `usage` */
function readPhase(word: string | boolean | undefined = 'after'): MigrationPhase {
  const phase = PHASES.find((one) => one === word);
  if (phase === undefined) throw new CliError('usage', `--phase is one of ${PHASES.join(', ')}`);
  return phase;
}

const UNKNOWN = 'unknown';

function toRow({ component, name, phase, oldCodeMayRun, locks, growsWith, rows }: PendingMigration) {
  const listed = (list: readonly string[]) => (list.length === 0 ? 'nothing' : list.join(', '));
  return {
    component,
    migration: name,
    'new code': phase === 'before' ? 'starts after it' : 'runs before it',
    'old code': oldCodeMayRun ? 'may run' : 'must have ended',
    locks: locks === null ? UNKNOWN : listed(locks.map(({ table, mode }) => `${table} (${mode})`)),
    blocks:
      locks === null
        ? UNKNOWN
        : listed(
            locks.filter(({ blocks }) => blocks !== 'nothing').map(({ table, blocks }) => `${blocks} of ${table}`),
          ),
    takes: growsWith === null ? UNKNOWN : durationOf(growsWith, rows),
  };
}

function durationOf(tables: readonly string[], rows: number): string {
  if (tables.length === 0) return 'a moment';
  return `longer with the size of ${tables.join(', ')}: about ${rows.toLocaleString('en')} rows`;
}
