import { parseArgs } from 'node:util';
import { StartError } from '../errors/start-error.js';
import { didYouMean } from '../process/nearest-name.js';

/** Options by name, without the dashes. */
export type OptionsOf = Readonly<Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }>>;

export interface Words<Options extends OptionsOf> {
  readonly values: {
    readonly [Name in keyof Options]?: Options[Name]['type'] extends 'string' ? string : boolean;
  };
  readonly positionals: readonly string[];
}

/**
 * Reads the words behind the name of a program, and refuses an option that is not there by the name that was meant.
 *
 * @throws {StartError} `invalid_arguments`
 */
export function readWords<const Options extends OptionsOf>(words: readonly string[], options: Options): Words<Options> {
  // Not strict, whose sentences speak of "positional arguments": what it checks is checked here.
  const { values, positionals, tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true });
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

function refused(message: string): StartError {
  return new StartError('invalid_arguments', message);
}
