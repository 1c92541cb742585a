import { z } from '@hono/zod-openapi';
import { EXAMPLE_USER, UserSchema } from '../users/user-json.js';

const ExpiresInField = z.int().openapi({ description: 'Seconds until the access token expires' });
const RefreshTokenField = z.string().openapi({ description: 'Works once: each refresh returns a new one' });

export const TokensSchema = z
  .object({ accessToken: z.string(), refreshToken: RefreshTokenField, expiresIn: ExpiresInField })
  .openapi('Tokens');

export const SessionSchema = z
  .object({ user: UserSchema, accessToken: z.string(), refreshToken: RefreshTokenField, expiresIn: ExpiresInField })
  .openapi('Session');

export const EXAMPLE_TOKENS: z.input<typeof TokensSchema> = {
  accessToken: 'eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjEifQ.e30.c2lnbmF0dXJl',
  refreshToken: 'mpr_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  expiresIn: 600,
};

export const EXAMPLE_SESSION: z.input<typeof SessionSchema> = { user: EXAMPLE_USER, ...EXAMPLE_TOKENS };

const REFRESH_TOKEN_LENGTH_MAX = 200;

/** Body of the routes that take a refresh token. */
export const RefreshTokenSchema = z
  .strictObject({ refreshToken: z.string().min(1).max(REFRESH_TOKEN_LENGTH_MAX) })
  .openapi('RefreshToken');
