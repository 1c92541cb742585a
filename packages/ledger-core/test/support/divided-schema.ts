import { Client } from 'pg';
import { dumpSchema } from '../../dump-schema.js';

const SCHEMA = 'micropay';
const PARTS = 4;

const TABLE = /create table (\w+) \(\n([\s\S]*?)\n\)(?: partition by [^;\n]*?)?( with \([^)]*\))?;/g;
/** Partitions by range of position, of which this schema has none: its parts are those of ledgers. */
const RANGES =
  /create table transfers_\d+ partition of [^;]*;|create [a-z ]*(?:index|trigger) \w+[^;]* on transfers_\d+ [^;]*;/gi;
const FOREIGN_KEY = /,\n {2}(constraint \w+ FOREIGN KEY [^\n]*?)(?=,?\n|$)/g;

/**
 * Makes the schema of a migrated, empty database again, with each table that holds rows of ledgers divided by ledger: a ledger has all
 * its rows in the partitions of one number. It stands for the same schema spread over nodes.
 */
export async function divideByLedger(database: string): Promise<void> {
  const client = new Client({ connectionString: database });
  await client.connect();
  try {
    const whole = await dumpSchema(client, SCHEMA);
    const { rows: migrations } = await client.query(`select to_json(m) as row from ${SCHEMA}.migrations m`);
    await client.query(`drop schema ${SCHEMA} cascade; create schema ${SCHEMA}; set search_path = ${SCHEMA}`);
    await client.query(toDivided(whole));
    for (const { row } of migrations) {
      await client.query('insert into migrations select * from json_populate_record(null::migrations, $1)', [row]);
    }
    await nameIndexesOfParts(client);
  } finally {
    await client.end();
  }
}

function toDivided(schema: string): string {
  // A table may name one that follows.
  const foreignKeys: string[] = [];
  const text = schema.replace(RANGES, '').replace(TABLE, (_, table: string, body: string, options = '') => {
    const columns = body.replace(FOREIGN_KEY, (__, key: string) => {
      foreignKeys.push(`alter table ${table} add ${key};`);
      return '';
    });
    if (!/^ {2}ledger integer/m.test(body)) return `create table ${table} (\n${columns}\n)${options};`;
    const parts = Array.from(
      { length: PARTS },
      (__, part) =>
        `create table ${table}_${part} partition of ${table} for values with (modulus ${PARTS}, remainder ${part})${options};`,
    );
    return [`create table ${table} (\n${columns}\n) partition by hash (ledger);`, ...parts].join('\n');
  });
  const ids = 'alter table transfers add constraint transfers_pkey primary key (id, ledger);';
  return [text, ids, ...foreignKeys].join('\n');
}

/** As Citus names those of its shards: the name of the whole with a number behind it. */
async function nameIndexesOfParts(client: Client): Promise<void> {
  const { rows } = await client.query<{ part: string; name: string }>(
    `select part.relname as part, whole.relname || substring(t.relname from '_\\d+$') as name
     from pg_inherits h join pg_class part on part.oid = h.inhrelid and part.relkind = 'i'
     join pg_class whole on whole.oid = h.inhparent join pg_index i on i.indexrelid = part.oid join pg_class t on t.oid = i.indrelid
     where part.relnamespace = '${SCHEMA}'::regnamespace`,
  );
  for (const { part, name } of rows) await client.query(`alter index "${part}" rename to "${name}"`);
}

const PART = /^(\w+)_(\d)$/;

/** The partitions that a relation's name says. */
export function partOf(relation: string | undefined): string | undefined {
  return PART.exec(relation ?? '')?.[2];
}
