import fc from 'fast-check';
import { expect, it } from 'vitest';
import { refuseWeakPassword } from './refuse-weak-password.js';

const EMAIL = 'alice.liddell@example.com';
const weakness = expect.objectContaining({ code: 'password_weak' });

it.each([
  ['from breaches', '1qaz2wsx3edc4rfv'],
  ['from breaches, in capitals', '1QAZ2WSX3EDC4RFV'],
  ['from breaches, in full width', '１ｑａｚ２ｗｓｘ３ｅｄｃ４ｒｆｖ'],
  ['that many use, twice', 'passwordpassword'],
  ['of two that many use', 'iloveyou12345678'],
  ['of one character', 'x'.repeat(64)],
  ['of one character beyond the first plane', '🦊'.repeat(64)],
  ['that repeats a few characters', 'abcdabcdabcdabcda'],
  ['that counts up', 'abcdefghijklmnopq'],
  ['that counts down', 'zyxwvutsrqponmlkji'],
  ['that is the email', EMAIL],
  ['that is the email and a year', 'alice.liddell@example.com2027'],
  ['of parts of the email', 'Liddell, Alice 2027'],
  ['that is the name of the service', 'MicroPay-MicroPay!'],
  ['that ends in the name of the service', 'password-micropay'],
])('a weak password is one %s', (_name, password) => {
  expect(() => refuseWeakPassword(password, EMAIL)).toThrow(weakness);
});

it.each([
  ['of a few words', 'correct horse battery'],
  ['of digits alone, by no rule', '492875610384756'],
  ['of lower case alone', 'wunderbarer herbst'],
  ['with the name among enough others', 'alice went to the market on monday'],
  ['in another script', 'правильная лошадь батарея'],
  ['that repeats what is long enough', 'the red fox jumps the red fox jumps '],
])('a password is not weak %s', (_name, password) => {
  expect(() => refuseWeakPassword(password, EMAIL)).not.toThrow();
});

it('what a password manager makes is never weak', () => {
  const made = fc.string({
    unit: fc.constantFrom(...'abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPRTUVWXY3479'),
    minLength: 20,
    maxLength: 64,
  });
  fc.assert(
    fc.property(made, (password) => {
      fc.pre(new Set(password).size > 10);
      refuseWeakPassword(password, 'someone@else.example');
    }),
  );
});
