import { migrate } from '@micropay/ledger-core';
import { readDatabaseSettings } from '../process/config.js';
import { migrateServer } from '../process/migrate-server.js';
import { EXIT } from './cli-error.js';
import type { Command } from './command.js';

export const migrateCommand: Command = {
  summary: 'migrate the tables to this release',
  parameters: '',
  help: ['--ledger-only   migrate only the tables of the ledger, not those of the server'],
  words: { min: 0, max: 0 },
  options: { 'ledger-only': { type: 'boolean' } },
  async run({ variables, output, options }) {
    const { databaseUrl: database, databaseSchema: schema } = readDatabaseSettings(variables);
    const applied = options['ledger-only']
      ? await migrate({ database, schema })
      : await migrateServer(database, schema);
    output.value({ schema, applied });
    output.text(
      applied.length === 0 ? `Schema "${schema}" is up to date.` : `Applied to "${schema}": ${applied.join(', ')}`,
    );
    return EXIT.ok;
  },
};
