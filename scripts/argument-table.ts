import { type BadCall, badCallsOf, goodArguments, type ValidValues } from './bad-arguments.js';
import type { PublicFunction } from './public-api.js';

export type Call = (...given: readonly unknown[]) => unknown;

/** Values that look wrong and are not: the argument and how it is wrong, as patterns, and the reason. */
export type FineValues = readonly (readonly [argument: RegExp, wrong: RegExp, reason: string])[];

export interface ArgumentTable {
  readonly valid: ValidValues;
  readonly fine: FineValues;
  /** Explains why an error is not the documented refusal; undefined if it is. */
  readonly fault: (error: unknown, bad: BadCall) => string | undefined;
}

/** The error of a call with valid arguments; undefined for a success. */
export function failureOfGoodCall(one: PublicFunction, call: Call, { valid }: ArgumentTable): Promise<unknown> {
  return failureOf(goodArguments(one.name, one.parameters, valid), call);
}

/** Calls a function with every kind of bad argument, and returns the calls that were not refused as documented. */
export async function faultsOf(one: PublicFunction, call: Call, table: ArgumentTable): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const bad of badCallsOf(one, table.valid)) {
    if (isFine(one, bad, table.fine)) continue;
    let isThrown = true;
    const failing = failureOf(bad.given, (...given) => {
      const answer = call(...given);
      isThrown = false;
      return answer;
    });
    const fault = table.fault(await failing, bad);
    if (fault !== undefined) faults.push(`${bad.argument} as ${bad.wrong}: ${fault}`);
    if (isThrown && one.returnsPromise) faults.push(`${bad.argument} as ${bad.wrong}: thrown instead of rejected`);
  }
  return faults;
}

function isFine({ name }: PublicFunction, { argument, wrong }: BadCall, fine: FineValues): boolean {
  return fine.some(([ofArgument, ofWrong]) => ofArgument.test(`${name} ${argument}`) && ofWrong.test(wrong));
}

/** The argument itself, or something that it is part of: one of them has to be named. */
export function namesArgument(said: string, argument: string): boolean {
  const parts = argument.split('.').filter((part) => !/^\d+$/.test(part));
  return parts.some((part) => said.toLowerCase().includes(part.toLowerCase()));
}

/** The function that is meant, on the object that has it. */
export function findFunction({ path, name }: PublicFunction, object: unknown): Call {
  const found = path.reduce<unknown>((at, member) => (at as Record<string, unknown> | undefined)?.[member], object);
  if (typeof found !== 'function') throw new Error(`there is no ${name} to call: say how its object is made`);
  return found as Call;
}

/** The error that a call throws, rejects with or returns as a refusal; undefined for a success. */
async function failureOf(given: readonly unknown[], call: Call): Promise<unknown> {
  try {
    const answer = await finished(call(...given));
    const refused = Array.isArray(answer) ? answer.find((one) => one?.ok === false) : undefined;
    return refused?.error;
  } catch (error) {
    return error;
  }
}

/** Asks for the first of what is iterated, and ends what was started. */
async function finished(answer: unknown): Promise<unknown> {
  const value = await answer;
  if (typeof value !== 'object' || value === null) return value;
  if (Symbol.asyncIterator in value) for await (const _ of value as AsyncIterable<unknown>) break;
  if ('stop' in value && typeof value.stop === 'function') await value.stop();
  if ('close' in value && typeof value.close === 'function') await value.close();
  return value;
}
