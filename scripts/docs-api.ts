// npm run docs:api: the API reference, into docs/reference/api; a page without a title is refused.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootDirectory } from './directories.js';

const { status } = spawnSync('typedoc', { cwd: rootDirectory, stdio: 'inherit', shell: process.platform === 'win32' });
if (status !== 0) process.exit(status ?? 1);

const folder = join(rootDirectory, 'docs/reference/api');
const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.html'));
const untitled = pages.filter((path) => {
  const page = readFileSync(join(folder, path), 'utf8');
  // "Module" alone, or nothing before the bar, is a name that is empty.
  return /<title>\s*\|/.test(page) || !/<h1[^>]*>(?!\s*(?:Module\s*)?<\/h1>)/.test(page);
});
if (untitled.length > 0) {
  console.error(`Pages without a title: ${untitled.join(', ')}`);
  process.exit(1);
}
