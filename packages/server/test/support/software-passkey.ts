import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

/** What a browser is asked, as far as this passkey reads it. */
interface Asked {
  readonly challenge: string;
  readonly [member: string]: unknown;
}

/** A passkey in this program: for tests that need none of a browser's rules, or responses that no browser gives. */
export interface SoftwarePasskey {
  /** The response to options of a creation. */
  create(options: Asked): object;
  /** The response to options of a request. */
  get(options: Asked): object;
}

const USER_PRESENT = 0x01;
const HAS_CREDENTIAL = 0x40;
const ID_LENGTH = 16;

export function createSoftwarePasskey(
  { rpId, origin }: { readonly rpId: string; readonly origin: string },
  { idLength = ID_LENGTH }: { readonly idLength?: number } = {},
): SoftwarePasskey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = randomBytes(idLength);
  let signCount = 0;

  /** What an authenticator says of itself: sections 6.1 and 6.5.1 of WebAuthn. */
  function authenticatorData(flags: number, credential: Buffer = Buffer.alloc(0)): Buffer {
    signCount += 1;
    const head = Buffer.alloc(5);
    head.writeUInt8(flags, 0);
    head.writeUInt32BE(signCount, 1);
    return Buffer.concat([sha256(rpId), head, credential]);
  }

  function newCredential(): Buffer {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    // In COSE: the kind of key, ES256, the curve P-256 and its point.
    const key = new Map<number, number | Uint8Array>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, bytes(x)],
      [-3, bytes(y)],
    ]);
    return Buffer.concat([Buffer.alloc(16), length, id, isoCBOR.encode(key)]);
  }

  const clientData = (type: string, { challenge }: Asked) => Buffer.from(JSON.stringify({ type, challenge, origin }));

  function answer(response: Readonly<Record<string, Uint8Array>>): object {
    const name = id.toString('base64url');
    const members = Object.entries(response).map(([key, value]) => [key, Buffer.from(value).toString('base64url')]);
    return {
      id: name,
      rawId: name,
      type: 'public-key',
      clientExtensionResults: {},
      response: Object.fromEntries(members),
    };
  }

  return {
    create(options) {
      const attestation = new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', new Uint8Array(authenticatorData(USER_PRESENT | HAS_CREDENTIAL, newCredential()))],
      ]);
      return answer({
        clientDataJSON: clientData('webauthn.create', options),
        attestationObject: isoCBOR.encode(attestation as Parameters<typeof isoCBOR.encode>[0]),
      });
    },
    get(options) {
      const [data, client] = [authenticatorData(USER_PRESENT), clientData('webauthn.get', options)];
      const signature = createSign('sha256').update(data).update(sha256(client)).sign(privateKey);
      return answer({ clientDataJSON: client, authenticatorData: data, signature });
    },
  };
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

function bytes(base64url: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64url, 'base64url'));
}
