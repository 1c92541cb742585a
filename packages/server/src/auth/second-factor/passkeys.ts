import { randomBytes } from 'node:crypto';
import type { UserId } from '../../identity/user-id.js';
import type { AuthenticationResponse, RegistrationResponse } from './passkey-json.js';
import type { PasskeySettings } from './second-factor.js';

/** Loaded when it is first needed: it takes 27 MB of memory, which servers without passkeys need not have. */
const loadLibrary = () => import('@simplewebauthn/server');

const CHALLENGE_BYTES = 32;
/** Of WebAuthn, section 7.1. */
const CREDENTIAL_ID_BYTES_MAX = 1_023;
/** Of the password first: a passkey has to be there, and need not ask for a PIN or a finger as well. */
const USER_VERIFICATION = 'discouraged';

/** What a browser says of a passkey, and the server stores. */
export interface Passkey {
  readonly credentialId: Buffer;
  /** In COSE, as authenticators write it. */
  readonly publicKey: Buffer;
  /** How often it was used, by its own count; some authenticators never count. */
  readonly signCount: number;
  /** How it is reached, such as `usb`; helps the browser to find it. */
  readonly transports: readonly string[];
}

export function newPasskeyChallenge(): Buffer {
  return randomBytes(CHALLENGE_BYTES);
}

/** What a browser makes a passkey by: the argument of `navigator.credentials.create()`, in JSON. */
export async function creationOptions(
  { passkeys: { rpId }, serviceName }: { readonly passkeys: PasskeySettings; readonly serviceName: string },
  given: {
    readonly user: { readonly id: UserId; readonly name: string };
    readonly challenge: Buffer;
    readonly existing: readonly Passkey[];
    readonly timeoutMs: number;
  },
) {
  const { user, challenge, existing, timeoutMs } = given;
  const { generateRegistrationOptions } = await loadLibrary();
  return generateRegistrationOptions({
    rpName: serviceName,
    rpID: rpId,
    userName: user.name,
    // Authenticators keep it, so it says nothing of the person.
    userID: new Uint8Array(Buffer.from(user.id.replaceAll('-', ''), 'hex')),
    challenge: new Uint8Array(challenge),
    timeout: timeoutMs,
    excludeCredentials: existing.map(descriptorOf),
    authenticatorSelection: { residentKey: 'discouraged', userVerification: USER_VERIFICATION },
  });
}

/** What a browser proves to have a passkey by: the argument of `navigator.credentials.get()`, in JSON. */
export async function requestOptions(
  { rpId }: PasskeySettings,
  {
    challenge,
    existing,
    timeoutMs,
  }: { readonly challenge: Buffer; readonly existing: readonly Passkey[]; readonly timeoutMs: number },
) {
  const { generateAuthenticationOptions } = await loadLibrary();
  return generateAuthenticationOptions({
    rpID: rpId,
    challenge: new Uint8Array(challenge),
    timeout: timeoutMs,
    allowCredentials: existing.map(descriptorOf),
    userVerification: USER_VERIFICATION,
  });
}

/** The new passkey in a browser's response to this challenge; undefined for a response that is not valid here. */
export async function readCreated(
  { rpId, origins }: PasskeySettings,
  { response, challenge }: { readonly response: RegistrationResponse; readonly challenge: Buffer },
): Promise<Passkey | undefined> {
  const { verifyRegistrationResponse } = await loadLibrary();
  const { verified, registrationInfo } = await unlessRefused(async () => {
    await refuseCertificates(response.response.attestationObject);
    return verifyRegistrationResponse({
      response,
      expectedChallenge: challenge.toString('base64url'),
      expectedOrigin: [...origins],
      expectedRPID: rpId,
      requireUserVerification: false,
    });
  });
  if (!verified || registrationInfo === undefined) return undefined;
  const { id, publicKey, counter } = registrationInfo.credential;
  // The library takes the id that the authenticator gives, and does not compare it with the one that logins are found by.
  const credentialId = Buffer.from(id, 'base64url');
  if (credentialId.length > CREDENTIAL_ID_BYTES_MAX || id !== response.id) return undefined;
  const transports = response.response.transports ?? [];
  return {
    credentialId,
    publicKey: Buffer.from(publicKey),
    signCount: counter,
    transports,
  };
}

/** The new count of a passkey that answered this challenge; undefined for a response that is not valid here, as of a copy that counts anew. */
export async function readAsserted(
  { rpId, origins }: PasskeySettings,
  given: { readonly response: AuthenticationResponse; readonly challenge: Buffer; readonly passkey: Passkey },
): Promise<number | undefined> {
  const { response, challenge, passkey } = given;
  const { verifyAuthenticationResponse } = await loadLibrary();
  const { verified, authenticationInfo } = await unlessRefused(() =>
    verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge.toString('base64url'),
      expectedOrigin: [...origins],
      expectedRPID: rpId,
      credential: {
        id: passkey.credentialId.toString('base64url'),
        publicKey: new Uint8Array(passkey.publicKey),
        counter: passkey.signCount,
      },
      requireUserVerification: false,
    }),
  );
  return verified ? authenticationInfo?.newCounter : undefined;
}

/**
 * Certificates of the maker were not asked for. A response that brings some all the same would have the library fetch lists of revoked ones from
 * addresses that the response names.
 */
async function refuseCertificates(attestationObject: string): Promise<void> {
  const { decodeAttestationObject, isoBase64URL } = await import('@simplewebauthn/server/helpers');
  const attestation = decodeAttestationObject(isoBase64URL.toBuffer(attestationObject));
  const format = attestation.get('fmt');
  const isSelfSigned = format === 'packed' && attestation.get('attStmt').get('x5c') === undefined;
  if (format !== 'none' && !isSelfSigned) throw new Error('the response attests more than was asked for');
}

/** The library throws at whatever it does not accept, in words for its caller alone. */
async function unlessRefused<Result extends { readonly verified: boolean }>(
  verify: () => Promise<Result>,
): Promise<
  Result | { readonly verified: false; readonly registrationInfo?: never; readonly authenticationInfo?: never }
> {
  try {
    return await verify();
  } catch {
    return { verified: false };
  }
}

function descriptorOf({ credentialId, transports }: Passkey) {
  return { id: credentialId.toString('base64url'), transports: [...transports] };
}
