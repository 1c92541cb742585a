import type { Environment } from '../process/environment.js';
import type { ExitCode } from './cli-error.js';
import type { Output } from './output.js';
import type { OptionsOf } from './read-words.js';

export interface CommandContext {
  /** Values of the options, by the environment variable that each replaces. */
  readonly variables: Environment;
  readonly output: Output;
  /** Ctrl-C or SIGTERM: finish what is under way, and end. */
  readonly signal: AbortSignal;
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** One word after `micropay`. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The operands after the command's name, such as `FILE`. */
  readonly parameters: string;
  /** Its own options as help shows them, one a line. */
  readonly help: readonly string[];
  /** The number of operands. */
  readonly words: { readonly min: number; readonly max: number };
  readonly options: OptionsOf;
  run(context: CommandContext): Promise<ExitCode>;
}
