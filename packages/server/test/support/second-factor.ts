import { Secret, TOTP } from 'otpauth';
import type pg from 'pg';
import { call, type Reply, type TestUser } from './call.js';

/** A user with an authenticator app. */
export interface Enrolled {
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
}

/** The code of this moment, or of so many steps later. */
export function codeOf(secret: string, steps = 0): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
}

/** Six digits that are none of the codes that are right about now. */
export function wrongCodeOf(secret: string): string {
  const right = [-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !right.includes(code)) ?? '';
}

export async function enrol(url: string, user: Pick<TestUser, 'token' | 'password'>): Promise<Enrolled> {
  const { token, password } = user;
  const enrolled = await call(url, 'POST /v1/me/second-factors/totp', { token, body: { password } });
  if (enrolled.status !== 201) throw new Error(`the enrolment answered ${enrolled.status}`);
  const { secret } = enrolled.body;
  const body = { code: codeOf(secret) };
  const confirmed = await call(url, 'POST /v1/me/second-factors/totp/confirm', { token, body });
  if (confirmed.status !== 200) throw new Error(`the confirmation answered ${confirmed.status}`);
  return { secret, recoveryCodes: confirmed.body.recoveryCodes };
}

/** A code that counts although one of this half minute was used: as if the last use had been long ago. */
export async function freshCode(client: pg.Client, { secret }: Pick<Enrolled, 'secret'>): Promise<string> {
  await client.query('update micropay.second_factors set last_step = 0 where last_step > 0');
  return codeOf(secret);
}

/** Logs in with the password, as far as that goes. */
export function logIn(
  url: string,
  { email, password }: Pick<TestUser, 'email' | 'password'>,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return call(url, 'POST /v1/auth/login', { body: { email, password }, headers });
}

export function complete(
  url: string,
  challenge: string,
  code: string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return call(url, 'POST /v1/auth/login/complete', { body: { challenge, code }, headers });
}
