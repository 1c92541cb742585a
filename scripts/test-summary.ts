import type { TestCase, TestModule, TestSuite } from 'vitest/node';

/** The results of one run of the tests. */
export interface TestSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Counts the tests of a run. A file or group that could not be set up, and an error that no test caught, count as one
 * failure each: nothing that went wrong may leave the counts clean.
 */
export function summarize(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): TestSummary {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const groups = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const brokenGroups = groups.filter((group) => group.errors().length > 0).length;
  return {
    passed: count('passed'),
    failed: count('failed') + count('pending') + brokenGroups + unhandledErrors.length,
    skipped: tests
      .filter((test) => test.result().state === 'skipped')
      .map((test) => ({ name: nameOf(test), reason: reasonOf(test) })),
  };
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note) return result.note;
  for (let group: TestSuite | TestModule = test.parent; ; group = group.parent) {
    if (group.errors().length > 0) return 'what it needs could not be set up';
    if (group.type === 'module') return 'no reason given';
  }
}
