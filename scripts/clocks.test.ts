import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The clock on the wall may be set back by an hour or forward by a year. What has passed is measured by
 * `performance.now()`, and what is compared in the database by the database's clock: only these read the time of day.
 */
const TELL_THE_TIME_OF_DAY: Readonly<Record<string, string>> = {
  'packages/client-sdk/src/retry.ts':
    'a date in Retry-After, where the answer tells no Date; platforms without the other clock',
  'packages/client-sdk/src/webhooks.ts':
    "a webhook's timestamp is a time of day, and is compared with that of the receiver",
  'packages/ledger-core/src/history/statement-camt.ts': 'when a file was made',
  'packages/ledger-core/src/posting/uuids.ts':
    'a UUIDv7 tells the time, and its counter bears a clock that is set back',
  'packages/server/src/auth/tokens/access-tokens.ts': 'what is left of a token, whose exp is a time of day',
  'packages/server/src/auth/tokens/revoked-sessions.ts': 'a session is remembered while a token of it may count by exp',
  'packages/server/src/http/moment-fields.ts':
    'a balance by effective time that is asked for without an instant is of now',
  'packages/server/src/oidc/issuer-tokens.ts': 'what is left of a token, whose exp is a time of day',
  'packages/server/src/process/operator-key-file.ts': 'the name of a file',
  'packages/server/src/statements/statement-pdf.ts': 'when a file was made',
};

async function sources(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const group of ['packages', 'tools', 'examples']) {
    for (const name of await readdir(`${ROOT}/${group}`)) {
      const folder = `${group}/${name}/src`;
      const files = await readdir(`${ROOT}/${folder}`, { recursive: true }).catch(() => []);
      found.push(...files.map((file) => `${folder}/${file}`));
    }
  }
  return found.filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
}

const WALL_CLOCK = /\bDate\.now\b|\bnew Date\(\)|\bDate\(\)/;

it('elapsed time is measured by a clock that is never set', async () => {
  const found = new Set<string>();
  for (const path of await sources()) {
    if (WALL_CLOCK.test(await readFile(`${ROOT}/${path}`, 'utf8'))) found.add(path);
  }
  expect([...found].sort()).toEqual(Object.keys(TELL_THE_TIME_OF_DAY).sort());
});
