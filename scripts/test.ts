// npm test [-- vitest's arguments]: runs the tests, then says by name what was skipped, then counts on a line of its own.
// With --long the property and race tests run their full counts.
import { exitOnSignals } from '@micropay/local-postgres';
import { parseCLI, startVitest } from 'vitest/node';
import { rootDirectory } from './directories.js';
import { summarize } from './test-summary.js';

exitOnSignals(130);
const words = process.argv.slice(2);
if (words.includes('--long')) process.env.MICROPAY_TEST_LONG = '1';
const { filter, options } = parseCLI(['vitest', 'run', ...words.filter((word) => word !== '--long')]);

const vitest = await startVitest('test', filter, { ...options, root: rootDirectory });
const { passed, failed, skipped } = summarize(vitest.state.getTestModules(), vitest.state.getUnhandledErrors());
for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
// A run that tested nothing must not look like one in which everything was right.
if (failed > 0 || passed === 0) process.exitCode = 1;
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
