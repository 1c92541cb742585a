import { dictionary } from '@zxcvbn-ts/language-common';
import { ProblemError } from '../../errors/problem.js';
import { PASSWORD_LENGTH_MIN } from './password-field.js';

/** What people choose most, from breaches. */
const COMMON: ReadonlySet<string> = new Set(dictionary['passwords-common'] as readonly string[]);
const SERVICE_NAME = 'micropay';
/** A shorter part of an email is in too many words by chance. */
const NAME_LENGTH_MIN = 3;

/**
 * Refuses a password that is long and can be guessed all the same (NIST SP 800-63B rev. 4, 3.1.1.2): what is common in breaches, also two of them
 * in a row, what repeats itself or counts up, and what is too short without the email and the service's name. There are no
 * rules of composition. The password is prepared, and as long as its field asks for.
 *
 * @throws {ProblemError} `password_weak`
 */
export function refuseWeakPassword(password: string, email: string | null): void {
  const why = weaknessOf(password.normalize('NFKC').toLowerCase(), email);
  if (why !== undefined) throw new ProblemError('password_weak', why);
}

function weaknessOf(folded: string, email: string | null): string | undefined {
  if (isCommon(folded)) return 'many people use this password, or its two halves: choose another one';
  if (repeatsSoon(folded) || isRun(folded)) return 'the password repeats a few characters, or counts through them';
  const left = namesIn(email).reduce((rest, name) => rest.replaceAll(name, ''), folded);
  if (lengthOf(left) >= PASSWORD_LENGTH_MIN) return undefined;
  return `the email and the service's name do not count: ${PASSWORD_LENGTH_MIN} other characters are needed`;
}

function isCommon(folded: string): boolean {
  if (COMMON.has(folded)) return true;
  for (let end = 1; end < folded.length; end += 1) {
    if (COMMON.has(folded.slice(0, end)) && COMMON.has(folded.slice(end))) return true;
  }
  return false;
}

/** Whether fewer characters than a password needs come again and again until its end. */
function repeatsSoon(folded: string): boolean {
  const characters = [...folded];
  for (let period = 1; period < PASSWORD_LENGTH_MIN && period * 2 <= characters.length; period += 1) {
    if (characters.every((character, index) => index < period || character === characters[index - period])) return true;
  }
  return false;
}

/** Neighbours of the alphabet or of the digits, up or down. */
function isRun(folded: string): boolean {
  const codes = [...folded].map((character) => Number(character.codePointAt(0)));
  const step = Number(codes[1]) - Number(codes[0]);
  return Math.abs(step) === 1 && codes.every((code, index) => index === 0 || code - Number(codes[index - 1]) === step);
}

/** The email, the longer ones of its parts, and the name of the service. */
function namesIn(email: string | null): readonly string[] {
  const parts = (email ?? '').split(/[@.+_-]/);
  const local = (email ?? '').split('@')[0] ?? '';
  return [email ?? '', local, SERVICE_NAME, ...parts].filter((name) => lengthOf(name) >= NAME_LENGTH_MIN);
}

function lengthOf(text: string): number {
  return [...text].length;
}
