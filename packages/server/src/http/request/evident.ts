import type { z } from '@hono/zod-openapi';

/** Whether a value of JSON is seen at once to be what its schema returns for it. False where only the schema can say. */
export type IsEvident = (value: unknown) => boolean;

const NEVER: IsEvident = () => false;

/**
 * Compiles the plain part of a schema: strict objects and lists of texts, booleans and words. Nearly every request is valid and has
 * nothing else, and a tenth of the schema's time finds that out. Whatever is wrong, transformed or refined is left to the schema,
 * which stays the one that refuses.
 */
export function compileEvident(schema: z.ZodType): IsEvident {
  return compile(schema) ?? NEVER;
}

function compile(schema: z.core.$ZodType): IsEvident | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'string':
      return compileText(def);
    case 'boolean':
      return isBare(def) ? (value) => typeof value === 'boolean' : undefined;
    case 'enum':
      return compileWords(def);
    case 'optional':
      return compile(def.innerType);
    case 'array':
      return compileList(def);
    case 'object':
      return compileObject(def);
    default:
      return undefined;
  }
}

function isBare({ checks = [], coerce }: { readonly checks?: readonly unknown[]; readonly coerce?: boolean }): boolean {
  return checks.length === 0 && coerce !== true;
}

type TextDef = z.core.$ZodStringDef & { readonly format?: string };

function compileText({ checks = [], coerce, format }: TextDef): IsEvident | undefined {
  if (coerce === true || format !== undefined) return undefined;
  const rules = checks.map(textRule);
  if (!rules.every((rule) => rule !== undefined)) return undefined;
  const [only = () => true, ...others] = rules;
  if (others.length === 0) return (value) => typeof value === 'string' && only(value);
  return (value) => typeof value === 'string' && rules.every((rule) => rule(value));
}

function textRule(check: z.core.$ZodCheck<string>): ((text: string) => boolean) | undefined {
  const { def } = (check as z.core.$ZodChecks)._zod;
  if (def.check === 'min_length') return (text) => text.length >= def.minimum;
  if (def.check === 'max_length') return (text) => text.length <= def.maximum;
  if (def.check !== 'string_format' || def.format !== 'regex') return undefined;
  const { pattern } = def as z.core.$ZodCheckRegexDef;
  // One that is global or sticky remembers where it stopped.
  return pattern.global || pattern.sticky ? undefined : (text) => pattern.test(text);
}

function compileWords({ entries, checks = [] }: z.core.$ZodEnumDef): IsEvident | undefined {
  const words = new Set<unknown>(Object.values(entries));
  return checks.length === 0 ? (value) => typeof value === 'string' && words.has(value) : undefined;
}

function compileList({ element, checks = [] }: z.core.$ZodArrayDef): IsEvident | undefined {
  const isItem = compile(element);
  if (isItem === undefined) return undefined;
  let [lengthMin, lengthMax] = [0, Number.POSITIVE_INFINITY];
  for (const check of checks) {
    const { def } = (check as z.core.$ZodChecks)._zod;
    if (def.check === 'min_length') lengthMin = Math.max(lengthMin, def.minimum);
    else if (def.check === 'max_length') lengthMax = Math.min(lengthMax, def.maximum);
    else return undefined;
  }
  return (value) =>
    Array.isArray(value) && value.length >= lengthMin && value.length <= lengthMax && value.every(isItem);
}

function compileObject({ shape, catchall, checks = [] }: z.core.$ZodObjectDef): IsEvident | undefined {
  if (checks.length > 0 || catchall?._zod.def.type !== 'never') return undefined;
  const fields = Object.entries(shape).map(([name, schema]) => {
    const isOptional = (schema as z.core.$ZodTypes)._zod.def.type === 'optional';
    return { name, isOptional, isMember: compile(schema) };
  });
  if (fields.some(({ isOptional, isMember }) => !isOptional && isMember === undefined)) return undefined;
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    let known = 0;
    for (const { name, isOptional, isMember } of fields) {
      const member = (value as Readonly<Record<string, unknown>>)[name];
      if (member === undefined) {
        if (!isOptional) return false;
      } else if (isMember?.(member) !== true) return false;
      else known += 1;
    }
    let members = 0;
    for (const _ in value) members += 1;
    return members === known;
  };
}
