import type { z } from 'zod';

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const NAMES_SHOWN_MAX = 3;
const NAME_LENGTH_MAX = 40;

/**
 * Words a fault that the schema itself does not word, to follow the field's name, such as "must be text". The validator's
 * own messages are about JavaScript types, and change with its version.
 */
export function issueSentence(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? `a ${issue.expected}`}`;
    case 'too_small':
      return sizeSentence(issue.origin, Number(issue.minimum), {
        isLeast: true,
        isInclusive: issue.inclusive !== false,
      });
    case 'too_big':
      return sizeSentence(issue.origin, Number(issue.maximum), {
        isLeast: false,
        isInclusive: issue.inclusive !== false,
      });
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'unrecognized_keys':
      return unknownFields(issue.keys);
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_key':
      return 'has a name that is not allowed here';
    case 'invalid_union':
      return 'has none of the forms that are allowed here';
    default:
      return 'is not written as it must be';
  }
}

function sizeSentence(
  origin: string,
  size: number,
  { isLeast, isInclusive }: { readonly isLeast: boolean; readonly isInclusive: boolean },
): string {
  if (origin === 'string' || origin === 'array') {
    if (isLeast && size === 1) return 'must not be empty';
    return `must have at ${isLeast ? 'least' : 'most'} ${size} ${origin === 'string' ? 'characters' : 'entries'}`;
  }
  if (!isInclusive) return `must be ${isLeast ? 'more' : 'less'} than ${size}`;
  return `must be ${size} or ${isLeast ? 'more' : 'less'}`;
}

/** A body can have a hundred thousand unknown fields, and naming them all would cost more than reading them. */
function unknownFields(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_MAX).map((name) => JSON.stringify(name.slice(0, NAME_LENGTH_MAX)));
  const more = names.length - shown.length;
  return `has unknown fields: ${shown.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}
