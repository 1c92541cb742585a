/** How zod itself words what is wrong: no user is to read it. */
export const VALIDATOR_WORDS =
  /invalid (?:input|option|value|key)|expected|received|too (?:small|big)|unrecognized|NaN|✖/i;
