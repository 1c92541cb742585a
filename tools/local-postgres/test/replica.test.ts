import { afterAll, beforeAll, expect, it } from 'vitest';
import { withClient } from '../src/databases.js';
import { type LocalPostgres, type LocalReplica, startReplica, startTemporaryPostgres } from '../src/index.js';

let primary: LocalPostgres;
let replica: LocalReplica;

beforeAll(async () => {
  primary = await startTemporaryPostgres({ durable: false });
  await withClient(primary.url, (client) => client.query('create table facts (id int)'));
  replica = await startReplica(primary, { synchronous: true });
});
afterAll(() => {
  replica?.stop();
  primary?.stop();
});

it('a replica has what the primary acknowledged, refuses writes, and takes them once it is promoted', async () => {
  await withClient(primary.url, (client) => client.query('insert into facts values (1)'));
  const write = () => withClient(replica.url, (client) => client.query('insert into facts values (2)'));
  await expect(write()).rejects.toMatchObject({ code: '25006' });
  await replica.promote();
  await write();
  const { rows } = await withClient(replica.url, (client) => client.query('select id from facts order by id'));
  expect(rows).toEqual([{ id: 1 }, { id: 2 }]);
});
