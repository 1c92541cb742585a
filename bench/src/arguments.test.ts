import { expect, it } from 'vitest';
import { parseArguments, UsageError } from './arguments.js';

it.each([[['--wrong']], [['--callers', '0']], [['--only', 'nothing']], [['--seconds']]])(
  'refuses %j with the usage',
  (words) => {
    expect(() => parseArguments(words)).toThrow(UsageError);
    expect(() => parseArguments(words)).toThrow(/Usage: npm run bench/);
  },
);
