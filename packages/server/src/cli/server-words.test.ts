import { expect, it } from 'vitest';
import { readServerWords } from './server-words.js';

it.each<[readonly string[], string]>([
  [['--prot', '4000'], 'there is no option "--prot": did you mean --port?'],
  [['-p', '4000'], 'there is no option "-p"'],
  [['--port'], '--port needs a value behind it'],
  [['--port', '--help'], '--port needs a value behind it'],
  [['--version=2'], '--version takes no value'],
  [['start'], '"start" is no option of the server: see --help.'],
])('refuses %j', (words, message) => {
  expect(() => readServerWords(words)).toThrow(expect.objectContaining({ code: 'invalid_arguments' }));
  expect(() => readServerWords(words)).toThrow(message);
});

it('reads options as the variables that they stand for', () => {
  const words = readServerWords(['--port=4000', '--host', '::1']);
  expect(words).toEqual({ settings: { PORT: '4000', HOST: '::1' } });
});
