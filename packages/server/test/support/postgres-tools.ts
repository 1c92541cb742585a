import { spawnSync } from 'node:child_process';

const TOOLS = ['pg_dump', 'pg_restore', 'pg_basebackup', 'pgbackrest'];
const PACKAGES = ['postgresql-client', 'pgbackrest'];

/**
 * Makes sure that PostgreSQL's own client programs and pgBackRest are there, which npm does not have; Debian and Ubuntu install them.
 * Returns why they are not.
 */
export function requirePostgresTools(): string | undefined {
  if (areThere()) return undefined;
  if (process.getuid?.() === 0) {
    // A machine that never installed anything has no lists yet.
    spawnSync('apt-get', ['update'], { stdio: 'ignore' });
    spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', ...PACKAGES], { stdio: 'ignore' });
  }
  return areThere() ? undefined : `it needs ${TOOLS.join(', ')}: install the packages ${PACKAGES.join(' and ')}`;
}

function areThere(): boolean {
  return TOOLS.every((tool) => spawnSync(tool, ['--version']).error === undefined);
}
