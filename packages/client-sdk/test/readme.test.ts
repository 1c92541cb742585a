import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startTestServer } from './support/test-server.js';

const packageFolder = new URL('../', import.meta.url);

it('the example of the README runs, and can be run again', async () => {
  const server = await startTestServer();
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(new URL('README.md', packageFolder), 'utf8')) ?? [];
  const words = ['--import', 'tsx', '--input-type=module', '--eval'];
  const run = () =>
    promisify(execFile)(process.execPath, [...words, example.replace('http://127.0.0.1:3000', server.url)], {
      cwd: fileURLToPath(packageFolder),
    });
  try {
    expect((await run()).stdout).toBe('Top up first.\n');
    expect((await run()).stdout).toBe('Top up first.\n');
  } finally {
    await server.stop();
  }
});
