import { InstantField } from '../http/fields.js';
import { CliError } from './cli-error.js';

/** The instant that an option names; undefined if it was not given. @throws {CliError} `usage` */
export function timeIn(option: string, given: string | boolean | undefined): Date | undefined {
  if (given === undefined) return undefined;
  const read = InstantField.safeParse(given);
  if (read.success) return read.data;
  throw new CliError('usage', `${option} takes a date and time such as 2027-01-01T00:00:00Z`);
}
