import { z } from '@hono/zod-openapi';
import { preparePassword } from './prepare-password.js';

const PASSWORD_LENGTH_MAX = 256;
/** The same in JSON Schema, whose readers do not all know classes of characters. */
const WITHOUT_CONTROLS = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';

/** Of a password that is the only factor (NIST SP 800-63B rev. 4, 3.1.1.1). */
export const PASSWORD_LENGTH_MIN = 15;

/** A password, prepared for its hash; lengths are in characters of the prepared form. */
function passwordField(lengthMin: number) {
  return z
    .string()
    .transform((text, context) => {
      const prepared = preparePassword(text);
      const { length } = [...(prepared ?? text)];
      if (length < lengthMin || length > PASSWORD_LENGTH_MAX) {
        context.addIssue({ code: 'custom', message: `must have ${lengthMin} to ${PASSWORD_LENGTH_MAX} characters` });
      } else if (prepared === undefined) {
        context.addIssue({ code: 'custom', message: 'must not contain control characters or lone surrogates' });
      }
      return prepared ?? z.NEVER;
    })
    .openapi({
      type: 'string',
      format: 'password',
      minLength: lengthMin,
      maxLength: PASSWORD_LENGTH_MAX,
      pattern: WITHOUT_CONTROLS,
    });
}

/** A password that is chosen now. */
export const NewPasswordField = passwordField(PASSWORD_LENGTH_MIN);

/** A password that was chosen before, perhaps by other rules. */
export const PasswordField = passwordField(1);
