import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { giveTo } from './account.js';
import { clusterIn } from './cluster.js';
import { withClient } from './databases.js';
import { type LocalPostgres, startPostgres } from './start-postgres.js';
import { PREFIX } from './temporary-postgres.js';

/** A hot standby that can become the primary. */
export interface LocalReplica extends LocalPostgres {
  /** Returns when it takes writes. */
  promote(): Promise<void>;
}

/**
 * Starts a hot standby that streams from `primary`, in a new folder that is removed when it stops. With `synchronous` no commit
 * of the primary is acknowledged from then on that the standby does not have.
 */
export async function startReplica(
  primary: LocalPostgres,
  { synchronous }: { readonly synchronous: boolean },
): Promise<LocalReplica> {
  const directory = mkdtempSync(join(tmpdir(), PREFIX));
  const path = join(directory, 'cluster');
  copyFileSync(join(primary.directory, 'password'), join(directory, 'password'));
  const label = await withClient(primary.url, async (client) => {
    await client.query(`select pg_backup_start('replica', true)`);
    copyCluster(join(primary.directory, 'cluster'), path);
    const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)');
    return rows[0]?.labelfile ?? '';
  });
  const { account } = clusterIn(directory);
  const { hostname, port, username, password } = new URL(primary.url);
  const source = `host=${hostname} port=${port} user=${username} password=${password} application_name=replica`;
  writeFileSync(join(path, 'backup_label'), label);
  writeFileSync(join(path, 'standby.signal'), '');
  appendFileSync(join(path, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`);
  for (const name of ['backup_label', 'standby.signal']) giveTo(account, join(path, name));
  const replica = await startPostgres({ directory, durable: false, temporary: true });
  if (synchronous) {
    await withClient(primary.url, async (client) => {
      await client.query(`alter system set synchronous_standby_names = 'replica'`);
      await client.query('select pg_reload_conf()');
      await untilSynchronous(client);
    });
  }
  return {
    ...replica,
    get pid() {
      return replica.pid;
    },
    promote: () => withClient(replica.url, async (client) => void (await client.query('select pg_promote()'))),
  };
}

/** As an archive program would: what changes meanwhile is mended by the WAL since the backup began. */
function copyCluster(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', from, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the data of the primary could not be copied: ${stderr}`);
  for (const name of ['postmaster.pid', 'postmaster.opts']) rmSync(join(to, name), { force: true });
}

async function untilSynchronous(client: { query(text: string): Promise<{ readonly rows: unknown[] }> }): Promise<void> {
  const sync = `select 1 from pg_stat_replication where sync_state = 'sync'`;
  while ((await client.query(sync)).rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}
