import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { firstSteps } from './first-steps.js';

it('shows in the README what the server prints at its first start', () => {
  const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8');
  const steps = firstSteps('http://127.0.0.1:3000', { kind: 'file', path: '.data/operator-api-key' });
  expect(readme).toContain(`\`\`\`sh\n${steps}\`\`\``);
});
