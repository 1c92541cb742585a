import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { firstSteps } from './first-steps.js';

it('shows in the README what the server prints at its first start', () => {
  const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
  const steps = firstSteps('http://127.0.0.1:3000', { kind: 'file', path: '.data/operator-api-key' });
  expect(readme).toContain(`\`\`\`sh\n${steps}\`\`\``);
});

it.each([
  ['http://0.0.0.0:3000', '"http://127.0.0.1:3000$1"'],
  ['http://[::]:3000', '"http://[::1]:3000$1"'],
  ['http://10.0.0.7:3000', '"http://10.0.0.7:3000$1"'],
])('the first steps of a server at %s call it by an address that a client can reach', (url, called) => {
  expect(firstSteps(url, { kind: 'environment' })).toContain(called);
});
