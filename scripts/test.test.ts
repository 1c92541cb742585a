import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { rootDirectory } from './directories.js';

/** Runs `npm test` on the fixtures, which hold one test of each outcome. */
function runFixtures(...words: string[]) {
  const command = ['scripts/run.js', 'test', '--config', 'scripts/fixtures/vitest.config.ts', ...words];
  const { PATH, HOME } = process.env;
  const { status, stdout } = spawnSync(process.execPath, command, {
    cwd: rootDirectory,
    encoding: 'utf8',
    env: { PATH, HOME },
  });
  return { status, lines: stdout.trimEnd().split('\n') };
}

describe('npm test', () => {
  it('npm test counts broken files, broken groups and uncaught errors as failures, and fails', () => {
    const { status, lines } = runFixtures();
    expect(lines.at(-1)).toBe('1 passed, 4 failed, 3 skipped');
    expect(status).toBe(1);
  });

  it('npm test names what was skipped, and why', () => {
    const { lines } = runFixtures('outcomes');
    expect(lines.filter((line) => line.startsWith('skipped: '))).toEqual([
      'skipped: outcomes.fixture.ts > says why it is skipped: there is no broker',
      'skipped: outcomes.fixture.ts > is skipped: no reason given',
      'skipped: outcomes.fixture.ts > a group that cannot be set up > is skipped too: what it needs could not be set up',
    ]);
  });

  it('npm test fails when nothing was tested', () => {
    const { status, lines } = runFixtures('no-such-test');
    expect(lines.at(-1)).toBe('0 passed, 0 failed, 0 skipped');
    expect(status).toBe(1);
  });
});
