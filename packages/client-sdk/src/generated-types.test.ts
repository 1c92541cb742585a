import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the generated types are those of the committed OpenAPI document', { timeout: 60_000 }, async () => {
  const directory = fileURLToPath(new URL('..', import.meta.url));
  const check = promisify(execFile)('npm', ['run', 'generate:check'], { cwd: directory });
  await expect(check).resolves.toBeDefined();
});
