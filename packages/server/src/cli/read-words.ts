import { parseArgs } from 'node:util';
import { didYouMean } from '../process/nearest-name.js';
import { CliError } from './cli-error.js';

interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** The variable of the environment that it stands for. */
  readonly variable?: string;
}

/** Options by name, without the dashes. */
export type OptionsOf = Readonly<Record<string, Option>>;

export interface Words<Options extends OptionsOf> {
  readonly values: {
    readonly [Name in keyof Options]?: Options[Name]['type'] extends 'string' ? string : boolean;
  };
  readonly positionals: readonly string[];
}

/**
 * Reads the words after the name of a program. For an unknown option it suggests the nearest known one.
 *
 * @throws {CliError} `usage`, which points to the help of `command`
 */
export function readWords<const Options extends OptionsOf>(
  words: readonly string[],
  options: Options,
  command: string,
): Words<Options> {
  const refused = (message: string) =>
    new CliError('usage', `${message}${message.endsWith('?') ? ' See' : '; see'} ${command} --help`);
  const known = Object.fromEntries(
    Object.entries(options).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
  );
  // Not strict, whose sentences speak of "positional arguments": what it checks is checked here.
  const { values, positionals, tokens } = parseArgs({ args: [...words], options: known, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const type = Object.hasOwn(options, name) ? options[name]?.type : undefined;
    if (type === undefined) {
      const names = Object.keys(options).map((known) => `--${known}`);
      throw refused(`there is no option "${rawName}"${didYouMean(rawName, names)}`);
    }
    if (type === 'boolean' && value !== undefined) throw refused(`${rawName} takes no value`);
    if (type === 'string' && (value === undefined || value === '' || (value.startsWith('-') && !inlineValue))) {
      throw refused(`${rawName} needs a value behind it`);
    }
  }
  return { values: values as Words<Options>['values'], positionals };
}
