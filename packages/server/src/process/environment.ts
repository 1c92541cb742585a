import { z } from 'zod';
import { issueSentence } from '../errors/issue-sentence.js';
import { StartError } from '../errors/start-error.js';
import { nearestName } from './nearest-name.js';

/** Variables by name, with a sentence for each that is wrong. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that is a whole number. Not coerced: that takes " 5", 0x10 and 1e3 for numbers. */
export function wholeNumber(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]*)$/, { error: rule, abort: true })
    .transform(Number)
    .pipe(z.number().min(min, rule).max(max, rule))
    .meta({ type: `whole number, ${min} to ${max}` });
}

/** A variable that turns something on or off. */
export function onOrOff() {
  return z.enum(['on', 'off'], 'must be "on" or "off"');
}

/**
 * Reads variables; one that is set to nothing counts as not set. `given` counts before the environment: values of options,
 * by the variable that each stands for. Slips are looked for among all `known` variables: the environment may be that of
 * another command.
 *
 * @throws {StartError} `invalid_configuration`
 */
export function parseEnvironment<Schema extends z.ZodObject>(
  schema: Schema,
  {
    environment,
    given,
    known,
  }: { readonly environment: Environment; readonly given: Environment; readonly known: readonly string[] },
): z.output<Schema> {
  const variables = variablesOf(environment, given);
  const slips = slipsIn(variables, known);
  const { data, error } = schema.safeParse(variables, { error: issueSentence });
  const wrong = (error?.issues ?? []).map(({ path: [name], message }) => {
    const variable = String(name);
    return `${given[variable] === undefined ? variable : optionOf(variable)} ${message}`;
  });
  if (data !== undefined && slips.length === 0) return data;
  throw new StartError('invalid_configuration', [...wrong, ...slips].join('\n'));
}

/**
 * Only looks for variables that are nearly ours, before somebody sets for the user what he left out.
 *
 * @throws {StartError} `invalid_configuration`
 */
export function refuseSlips(known: readonly string[], environment: Environment, given: Environment): void {
  const slips = slipsIn(variablesOf(environment, given), known);
  if (slips.length > 0) throw new StartError('invalid_configuration', slips.join('\n'));
}

function variablesOf(environment: Environment, given: Environment): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) if (value) variables[name] = value;
  for (const [name, value] of Object.entries(given)) if (value !== undefined) variables[name] = value;
  return variables;
}

/** `--port` of `PORT`; `--database` and `--schema` are shorter than their variables. */
function optionOf(variable: string): string {
  return `--${variable.toLowerCase().replace('_url', '').replace('database_', '').replaceAll('_', '-')}`;
}

/**
 * Variables that are nearly ours: a slip would be ignored in silence. One that belongs to another program is let be once
 * ours is set too.
 */
function slipsIn(variables: Environment, known: readonly string[]): readonly string[] {
  const unset = known.filter((name) => variables[name] === undefined);
  return Object.keys(variables).flatMap((name) => {
    if (known.includes(name) || isServiceLink(name, variables[name]) || OPEN_TELEMETRY.test(name)) return [];
    const meant = nearestName(name.toUpperCase().replace(/^MICROPAY_/, ''), unset, wrongLettersMax);
    if (meant === undefined) return [];
    return `${name} is not a setting: did you mean ${meant}? If ${name} belongs to another program, set ${meant} as well`;
  });
}

/**
 * Variables with our prefix that no command reads. They are no reason to end: programs around the server, such as clients of
 * it, may name theirs so.
 */
export function findUnknownVariables(environment: Environment, known: readonly string[]): readonly string[] {
  return Object.keys(variablesOf(environment, {})).filter(
    (name) => /^MICROPAY_/i.test(name) && !known.includes(name) && !isServiceLink(name, environment[name]),
  );
}

/**
 * Kubernetes describes each service to every container in variables such as MICROPAY_SERVICE_HOST and MICROPAY_PORT, the
 * second one with a URL as its value.
 */
function isServiceLink(name: string, value: string | undefined): boolean {
  return (
    /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)$/.test(name) ||
    /^(?:tcp|udp|sctp):\/\//.test(value ?? '')
  );
}

/** OpenTelemetry has many variables with similar names; its exporter reads some that are no setting of ours. */
const OPEN_TELEMETRY = /^OTEL_/;

/** Short names are near too many words that mean something else. */
function wrongLettersMax({ length }: string): number {
  return length < 6 ? 0 : Math.floor(length / 4);
}
