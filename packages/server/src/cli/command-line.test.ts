import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './command-line.js';

function textOf(...words: readonly string[]): string {
  const line = parseCommandLine(words);
  return 'text' in line ? line.text : '';
}

describe('micropay', () => {
  it('micropay explains itself, whatever way it is asked', () => {
    expect(textOf()).toMatch(/^Usage: micropay COMMAND/);
    for (const words of [['--help'], ['help'], ['-h', '--json']]) expect(textOf(...words)).toBe(textOf());
    expect(textOf('verify', '--help')).toMatch(/^Usage: micropay verify/);
    for (const words of [
      ['help', 'verify'],
      ['verify', '-h'],
    ])
      expect(textOf(...words)).toBe(textOf('verify', '--help'));
  });

  it('micropay says its version', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    for (const words of [['--version'], ['-v'], ['verify', '--version']]) expect(textOf(...words)).toBe(version);
  });

  it.each<[readonly string[], string]>([
    [['verfy'], 'there is no command "verfy": did you mean verify?'],
    [['constructor'], 'there is no command "constructor": it is one of serve, relay, '],
    [['help', 'migrat'], 'there is no command "migrat": did you mean migrate?'],
    [['--json', 'verify'], 'the command comes first: it is one of serve, '],
    [['--jsn'], 'there is no option "--jsn": did you mean --json? See micropay COMMAND --help'],
    [['verify', '--full-sped'], 'there is no option "--full-sped": did you mean --full-speed?'],
    [['verify', '--constructor'], 'there is no option "--constructor"; see micropay verify --help'],
    [['verify', '--schema', '--json'], '--schema needs a value behind it; see micropay verify --help'],
    [['verify', '--schema='], '--schema needs a value behind it'],
    [['verify', '--full-speed=yes'], '--full-speed takes no value'],
    [['serve', '--prot', '4000'], 'there is no option "--prot": did you mean --port? See micropay serve --help'],
    [['serve', '-p', '4000'], 'there is no option "-p"'],
    [['serve', '--port'], '--port needs a value behind it'],
    [['serve', '--port', '--help-me'], '--port needs a value behind it'],
    [['serve', '--version=2'], '--version takes no value'],
    [['serve', 'start'], 'micropay serve: "start" is one argument too many; see micropay serve --help'],
    [['verify', 'all'], 'micropay verify: "all" is one argument too many; see micropay verify --help'],
  ])('micropay refuses %j', (words, message) => {
    expect(() => parseCommandLine(words)).toThrow(expect.objectContaining({ code: 'usage', exitCode: 2 }));
    expect(() => parseCommandLine(words)).toThrow(message);
  });

  it('micropay reads options as the variables that they stand for', () => {
    const line = parseCommandLine(['serve', '--port=4000', '--host', '::1']);
    expect(line).toMatchObject({ variables: { PORT: '4000', HOST: '::1' } });
  });
});
