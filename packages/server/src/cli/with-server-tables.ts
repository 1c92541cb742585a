import { connect, type Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import { readDatabaseSettings } from '../process/config.js';
import { refuseOutdatedTables } from '../process/migrate-server.js';
import { CliError, type CliErrorCode } from './cli-error.js';
import type { CommandContext } from './command.js';
import { withLedger } from './open-ledger.js';

/** Runs work on the server's own tables of a ledger that is there. A refusal of HTTP has the same code at the terminal. */
export async function withServerTables(
  { variables }: CommandContext,
  work: (database: Database, ledger: string) => Promise<void>,
): Promise<void> {
  const settings = readDatabaseSettings(variables);
  await refuseOutdatedTables({ database: settings.databaseUrl, schema: settings.databaseSchema });
  await withLedger(settings, { mayBeNew: false }, async (ledger) => {
    const database = connect(settings.databaseUrl, settings.databaseSchema);
    try {
      await work(database, ledger.name);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      throw new CliError(error.code as CliErrorCode, error.message, { cause: error });
    } finally {
      await database.destroy();
    }
  });
}
