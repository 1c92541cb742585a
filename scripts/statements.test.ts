import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../packages/ledger-core/src', import.meta.url));

/**
 * What a session keeps is lost behind a pooler that gives each transaction another one, and is not sent to the nodes of a
 * distributed database. Only these set it, or lock something, for a session.
 */
const KEPT_BY_A_SESSION: Readonly<Record<string, string>> = {
  'postgres/event-sinks.ts': 'the lead of a sink is a lock of the session that leads',
  'postgres/migrate.ts': 'a migration outside a transaction, on a connection of its own that ends with it',
  'postgres/session.ts': 'formats and limits of a new connection, for single statements too',
  'workers/lead.ts': 'the connection that holds the lead writes nothing but the cursor',
};

const SESSION = /(?:[`'"]|; ?)set (?!local\b)\w+ (?:=|to)\s|set_config\([^)]*, false\)|pg_(?:try_)?advisory_lock\(/;

const VOLATILE = /\b(?:clock_timestamp|timeofday|random|nextval|gen_random_uuid|uuidv7|set_config)\s*\(/;

async function sources(): Promise<readonly { readonly path: string; readonly code: string }[]> {
  const paths = await readdir(ROOT, { recursive: true });
  const code = paths.filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  return Promise.all(
    code.map(async (path) => ({ path, code: withoutComments(await readFile(`${ROOT}/${path}`, 'utf8')) })),
  );
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\/|^\s*(?:\/\/|--).*$/gm, '');
}

/** Updates and deletions, each to the end of its statement or of the parentheses that it stands in. */
function changesIn(code: string): readonly string[] {
  return [...code.matchAll(/\b(?:update|delete from) \$\{|\bdo update set\b/g)].map(({ index }) => {
    let depth = 0;
    let end = index;
    for (; end < code.length && code[end] !== '`' && depth >= 0; end += 1) {
      if (code[end] === '(') depth += 1;
      if (code[end] === ')') depth -= 1;
    }
    return code.slice(index, end);
  });
}

it('the ledger sets nothing for a session but where a session is what it means', async () => {
  const found = (await sources()).filter(({ code }) => SESSION.test(code)).map(({ path }) => path);
  expect(found.sort()).toEqual(Object.keys(KEPT_BY_A_SESSION).sort());
});

it('the ledger changes rows without volatile functions, which a distributed database refuses', async () => {
  const changes = (await sources()).flatMap(({ code }) => changesIn(code));
  expect(changes.length).toBeGreaterThan(15);
  expect(changes.filter((change) => VOLATILE.test(change))).toEqual([]);
});

it('the ledger of a row is compared by plain equality alone, which tells PostgreSQL in which part it is', async () => {
  const hidden = (await sources()).filter(({ code }) => /ledger = [^)\s]+\) is (?:not )?(?:true|false)/.test(code));
  expect(hidden.map(({ path }) => path)).toEqual([]);
});
