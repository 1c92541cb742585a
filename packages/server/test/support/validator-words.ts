/** Words of zod's own messages, which users must never see. */
export const VALIDATOR_WORDS =
  /invalid (?:input|option|value|key)|expected|received|too (?:small|big)|unrecognized|NaN|✖/i;
