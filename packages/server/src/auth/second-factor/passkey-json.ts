import { z } from '@hono/zod-openapi';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { PasswordField } from '../passwords/password-field.js';
import { ChallengeField, FactorNameField } from './second-factor-json.js';

const BINARY_LENGTH_MAX = 16_384;
const ID_LENGTH_MAX = 1_400;
const TRANSPORTS_MAX = 10;
const TRANSPORT_LENGTH_MAX = 20;

export type RegistrationResponse = RegistrationResponseJSON;
export type AuthenticationResponse = AuthenticationResponseJSON;

/** Bytes in Base64url, as browsers write them. */
function binary(lengthMax: number) {
  return z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, 'must be in Base64url without padding')
    .max(lengthMax);
}

const CredentialIdField = binary(ID_LENGTH_MAX);
const BinaryField = binary(BINARY_LENGTH_MAX);

/** What both responses of a browser have in common. It may have members that are newer than this server. */
const CREDENTIAL = {
  id: CredentialIdField,
  rawId: CredentialIdField,
  type: z.literal('public-key'),
  clientExtensionResults: z.looseObject({}),
};

const RegistrationResponseSchema = z
  .looseObject({
    ...CREDENTIAL,
    response: z.looseObject({
      clientDataJSON: BinaryField,
      attestationObject: BinaryField,
      transports: z
        .array(
          z
            .string()
            .regex(/^[a-z-]+$/, 'must be a transport such as usb')
            .max(TRANSPORT_LENGTH_MAX),
        )
        .max(TRANSPORTS_MAX)
        .optional(),
    }),
  })
  .openapi('PasskeyRegistration', {
    description:
      'What `navigator.credentials.create()` returned, by its `toJSON()`: `RegistrationResponseJSON` of WebAuthn',
  });

const AuthenticationResponseSchema = z
  .looseObject({
    ...CREDENTIAL,
    response: z.looseObject({ clientDataJSON: BinaryField, authenticatorData: BinaryField, signature: BinaryField }),
  })
  .openapi('PasskeyAssertion', {
    description:
      'What `navigator.credentials.get()` returned, by its `toJSON()`: `AuthenticationResponseJSON` of WebAuthn',
  });

export const EnrolPasskeySchema = z
  .strictObject({ password: PasswordField, name: FactorNameField.optional() })
  .openapi('EnrolPasskey');

export const ConfirmPasskeySchema = z.strictObject({ response: RegistrationResponseSchema }).openapi('ConfirmPasskey');

export const RequestPasskeySchema = z.strictObject({ challenge: ChallengeField }).openapi('RequestPasskey');

export const CompletePasskeyLoginSchema = z
  .strictObject({ challenge: ChallengeField, response: AuthenticationResponseSchema })
  .openapi('CompletePasskeyLogin');

export const PasskeyCreationSchema = z
  .object({
    options: z.looseObject({ challenge: z.string() }).openapi({
      description:
        '`PublicKeyCredentialCreationOptionsJSON` of WebAuthn, for `PublicKeyCredential.parseCreationOptionsFromJSON()`',
    }),
    expiresIn: z.int().openapi({ description: 'Seconds until the response comes too late' }),
  })
  .openapi('PasskeyCreation');

export const PasskeyRequestSchema = z
  .object({
    options: z.looseObject({ challenge: z.string() }).openapi({
      description:
        '`PublicKeyCredentialRequestOptionsJSON` of WebAuthn, for `PublicKeyCredential.parseRequestOptionsFromJSON()`',
    }),
  })
  .openapi('PasskeyRequest');

const EXAMPLE_ID = 'pZ3xq9Kf0S1mB7tQ2vYw8A';
const EXAMPLE_BYTES = 'q7Tn0bP4sD2kX9cVw1LzEg';

export const EXAMPLE_REGISTRATION: z.input<typeof RegistrationResponseSchema> = {
  id: EXAMPLE_ID,
  rawId: EXAMPLE_ID,
  type: 'public-key',
  clientExtensionResults: {},
  response: { clientDataJSON: EXAMPLE_BYTES, attestationObject: EXAMPLE_BYTES, transports: ['internal'] },
};

export const EXAMPLE_ASSERTION: z.input<typeof AuthenticationResponseSchema> = {
  id: EXAMPLE_ID,
  rawId: EXAMPLE_ID,
  type: 'public-key',
  clientExtensionResults: {},
  response: { clientDataJSON: EXAMPLE_BYTES, authenticatorData: EXAMPLE_BYTES, signature: EXAMPLE_BYTES },
};

export const EXAMPLE_CREATION: z.input<typeof PasskeyCreationSchema> = {
  options: {
    challenge: EXAMPLE_BYTES,
    rp: { name: 'Example Pay', id: 'example.com' },
    user: { id: EXAMPLE_ID, name: 'alice@example.com', displayName: '' },
    pubKeyCredParams: [{ alg: -7, type: 'public-key' }],
    attestation: 'none',
  },
  expiresIn: 600,
};

export const EXAMPLE_REQUEST: z.input<typeof PasskeyRequestSchema> = {
  options: {
    challenge: EXAMPLE_BYTES,
    rpId: 'example.com',
    allowCredentials: [{ id: EXAMPLE_ID, type: 'public-key', transports: ['internal'] }],
    userVerification: 'discouraged',
  },
};
