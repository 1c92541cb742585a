import { Secret, TOTP } from 'otpauth';

/** RFC 4226 recommends 160 bits, which is also the output of its hash. */
const SECRET_BYTES = 20;
const PERIOD_S = 30;
/** What every authenticator app can do, and some apps nothing else. */
const PARAMETERS = { algorithm: 'SHA1', digits: 6, period: PERIOD_S } as const;
/** A clock may be half a minute wrong, or a person that slow (RFC 6238, 5.2). */
const STEPS_OFF_MAX = 1;

const CODE = /^[0-9]{6}$/;

/** Whether a text can be a code at all. */
export function isTotpCode(text: string): boolean {
  return CODE.test(text);
}

export function newTotpSecret(): Buffer {
  return Buffer.from(new Secret({ size: SECRET_BYTES }).bytes);
}

/** The secret as an authenticator app takes it: as text, and as the address of a QR code. */
export function shownTotp(
  secret: Buffer,
  { issuer, label }: { readonly issuer: string; readonly label: string },
): { readonly secret: string; readonly uri: string } {
  const totp = totpOf(secret, { issuer, label });
  return { secret: totp.secret.base32, uri: totp.toString() };
}

/** The number of the time step whose code this is, near the given time; undefined for a wrong code. The library compares in constant time. */
export function totpStepOf(secret: Buffer, code: string, timeS: number): number | undefined {
  // The library counts characters, and compares bytes: more of them would throw.
  if (!isTotpCode(code)) return undefined;
  const delta = totpOf(secret).validate({ token: code, timestamp: timeS * 1_000, window: STEPS_OFF_MAX });
  return delta === null ? undefined : Math.floor(timeS / PERIOD_S) + delta;
}

function totpOf(secret: Buffer, labels: { readonly issuer?: string; readonly label?: string } = {}): TOTP {
  return new TOTP({ ...PARAMETERS, ...labels, secret: new Secret({ buffer: new Uint8Array(secret).buffer }) });
}
