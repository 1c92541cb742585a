import { type LocalPostgres, startPostgres, startTemporaryPostgres } from '@micropay/local-postgres';

/**
 * Sets DATABASE_URL to a database of that name on a PostgreSQL of our own, unless the user has set it to one of his. The
 * data is safe against a power cut, and stays in `directory` unless it is `temporary`. A failure ends the process with a
 * message that says what to do.
 */
export async function provideDatabase(
  name: string,
  options: { directory: string; temporary?: boolean },
): Promise<void> {
  await refuseSlips();
  if (process.env.DATABASE_URL) return;
  try {
    const postgres = await start(options);
    process.env.DATABASE_URL = await postgres.database(name);
    process.env.POSTGRES_PID = String(postgres.pid);
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

/** A misspelt DATABASE_URL would be ignored in silence, and another database used. */
async function refuseSlips(): Promise<void> {
  const environment = new URL('../packages/server/src/process/environment.ts', import.meta.url);
  try {
    (await import(environment.href)).refuseSlips(['DATABASE_URL', 'DATA_DIR'], process.env, {});
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'invalid_configuration') throw error;
    console.error(`${code}: ${message}`);
    process.exit(2);
  }
}

function start({ directory, temporary }: { directory: string; temporary?: boolean }): Promise<LocalPostgres> {
  return temporary
    ? startTemporaryPostgres({ parent: directory, durable: true })
    : startPostgres({ directory, durable: true, revive: true });
}
