import { z } from '@hono/zod-openapi';
import type { Database } from '../../database/connect.js';
import { EXAMPLE_TIME, IdField, TimeField, textField } from '../../http/fields.js';
import { CHALLENGE_LIFETIME_S } from './login-challenge.js';
import { countRecoveryCodes, RECOVERY_CODES } from './recovery-codes.js';
import { type FactorOwner, LOGIN_METHODS, SECOND_FACTOR_KINDS, type SecondFactor } from './second-factor.js';
import { ENROLMENT_LIFETIME_S, listSecondFactors } from './second-factor-store.js';

const CHALLENGE_LENGTH_MAX = 200;
const CODE_LENGTH_MAX = 40;
const NAME_LENGTH_MAX = 100;

export const EXAMPLE_CHALLENGE = 'mpc_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const EXAMPLE_RECOVERY_CODE = 'k3vq-7m2a-xw5d-p6tn';

export const ChallengeField = z
  .string()
  .min(1)
  .max(CHALLENGE_LENGTH_MAX)
  .openapi({ description: 'The `challenge` that the login returned' });

export const FactorNameField = textField({ min: 1, max: NAME_LENGTH_MAX }).openapi({
  description: 'What the user calls it',
  example: 'Phone',
});

/** Six digits of an authenticator app. */
export const TotpCodeField = z
  .string()
  .regex(/^[0-9]{6}$/, 'must be the six digits of the authenticator app')
  .openapi({ example: '287082' });

export const LoginChallengeSchema = z
  .object({
    challenge: z
      .string()
      .openapi({ description: `Completes this login alone, within ${CHALLENGE_LIFETIME_S} seconds` }),
    methods: z.array(z.enum(LOGIN_METHODS)).openapi({
      description:
        '`totp` is a code of an authenticator app, `passkey` a passkey, `recovery_code` one of the recovery codes',
    }),
    expiresIn: z.int().openapi({ description: 'Seconds until the challenge expires' }),
  })
  .openapi('LoginChallenge', { description: 'The password is right, and a second factor has to complete the login' });

export const CompleteLoginSchema = z
  .strictObject({
    challenge: ChallengeField,
    code: z
      .string()
      .min(1)
      .max(CODE_LENGTH_MAX)
      .openapi({ description: 'Six digits of the authenticator app, or a recovery code however it is written' }),
  })
  .openapi('CompleteLogin');

export const SecondFactorSchema = z
  .object({
    id: IdField,
    kind: z
      .enum(SECOND_FACTOR_KINDS)
      .openapi({ description: '`totp`: an authenticator app; `passkey`: a passkey or security key' }),
    name: z.string(),
    createdAt: TimeField,
    lastUsedAt: TimeField.nullable().openapi({ description: 'Null until a login was completed with it' }),
  })
  .openapi('SecondFactor');

export const SecondFactorsSchema = z
  .object({
    data: z.array(SecondFactorSchema),
    recoveryCodesLeft: z.int().openapi({ description: 'Recovery codes that were not used' }),
  })
  .openapi('SecondFactors');

export const EnrolledTotpSchema = z
  .object({
    secret: z.string().openapi({ description: 'In Base32, for people who type it' }),
    uri: z.string().openapi({ description: 'Shown to the user as a QR code, which the authenticator app scans' }),
    expiresIn: z
      .int()
      .openapi({ description: `Seconds until it is forgotten, unless a code confirms it: ${ENROLMENT_LIFETIME_S}` }),
  })
  .openapi('EnrolledTotp');

const CODES = `${RECOVERY_CODES} codes, each of which completes one login in place of the second factor. They cannot be shown again`;

export const RecoveryCodesSchema = z
  .object({ recoveryCodes: z.array(z.string()).openapi({ description: CODES }) })
  .openapi('RecoveryCodes');

export const ConfirmedSecondFactorSchema = z
  .object({
    secondFactor: SecondFactorSchema,
    recoveryCodes: z
      .array(z.string())
      .openapi({ description: `With the first second factor, ${CODES}. Empty for a user who has some` }),
  })
  .openapi('ConfirmedSecondFactor');

export const EXAMPLE_SECOND_FACTOR: z.input<typeof SecondFactorSchema> = {
  id: '0199a1d2-7c21-7a44-9d3e-5b8f2c6a0e71',
  kind: 'totp',
  name: 'Phone',
  createdAt: EXAMPLE_TIME,
  lastUsedAt: EXAMPLE_TIME,
};

export const EXAMPLE_SECOND_FACTORS: z.input<typeof SecondFactorsSchema> = {
  data: [EXAMPLE_SECOND_FACTOR],
  recoveryCodesLeft: RECOVERY_CODES,
};

export const EXAMPLE_RECOVERY_CODES: readonly string[] = [EXAMPLE_RECOVERY_CODE];

/** All that a user has beside the password. */
export async function secondFactorsJson(
  database: Database,
  owner: FactorOwner,
): Promise<z.input<typeof SecondFactorsSchema>> {
  const data = (await listSecondFactors(database, owner)).map(secondFactorJson);
  return { data, recoveryCodesLeft: await countRecoveryCodes(database, owner) };
}

export function secondFactorJson({
  createdAt,
  lastUsedAt,
  ...factor
}: SecondFactor): z.input<typeof SecondFactorSchema> {
  return { ...factor, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt?.toISOString() ?? null };
}
