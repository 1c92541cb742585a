import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider from 'oidc-provider';

export const AUDIENCE = 'micropay';
const RESOURCE = 'urn:micropay';
const CALLBACK = 'http://127.0.0.1/callback';
const CLIENT = 'wallet-app';
const ALGORITHM = 'ES256';
const STEPS_MAX = 10;

/** A real issuer (`oidc-provider`) on a port of this machine, which can be stopped, and changes its keys. */
export interface TestIssuer {
  readonly url: string;
  /** How often its keys were asked for. */
  readonly keysRead: () => number;
  /** Signs in as a person would, by the code flow with PKCE; returns both tokens. */
  signIn(subject: string): Promise<{ readonly accessToken: string; readonly idToken: string }>;
  /** A token with these claims in place of those that it would have, signed with its key, as its own are. */
  token(subject: string, claims?: JWTPayload, header?: Readonly<Record<string, string>>): Promise<string>;
  /** Its key that signs now. */
  privateJwk(): JWK;
  /** Signs with a new key from now on, and forgets the old one. */
  rotate(): Promise<void>;
  stop(): Promise<void>;
  /** Comes back on the same port. */
  start(): Promise<void>;
}

/** Claims beside `sub`, by user: they are in access tokens. */
export async function startTestIssuer(
  claimsOf: (subject: string) => Readonly<Record<string, unknown>> = () => ({}),
): Promise<TestIssuer> {
  let key = await newKey();
  let handler: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  let keysRead = 0;
  let server: Server;
  const listen = async (port: number) => {
    server = createServer((request, response) => {
      if (request.url === '/jwks') keysRead += 1;
      handler(request, response);
    });
    await once(server.listen(port, '127.0.0.1'), 'listening');
  };
  await listen(0);
  // biome-ignore lint/style/noNonNullAssertion: it was set by listen.
  const { port } = server!.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  handler = createProvider(url, key, claimsOf).callback();

  return {
    url,
    keysRead: () => keysRead,
    signIn: (subject) => signIn(url, subject),
    async token(subject, claims = {}, header = {}) {
      const nowS = Math.floor(Date.now() / 1_000);
      const payload = { iss: url, aud: AUDIENCE, sub: subject, iat: nowS, exp: nowS + 60, jti: randomUUID() };
      return new SignJWT({ ...payload, ...claimsOf(subject), ...claims })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'at+jwt', kid: key.kid ?? '', ...header })
        .sign(await importJWK(key, ALGORITHM));
    },
    privateJwk: () => key,
    async rotate() {
      key = await newKey();
      handler = createProvider(url, key, claimsOf).callback();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    start: () => listen(port),
  };
}

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: randomUUID(), use: 'sig', alg: ALGORITHM };
}

function createProvider(url: string, key: JWK, claimsOf: (subject: string) => object): Provider {
  return new Provider(url, {
    jwks: { keys: [key] },
    // Without them it writes a line for each kind.
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 60, Interaction: 600, Session: 600 },
    cookies: { keys: [randomUUID()] },
    clients: [
      {
        client_id: CLIENT,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: [CALLBACK],
        id_token_signed_response_alg: ALGORITHM,
      },
    ],
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: '',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: ALGORITHM } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt(_context: unknown, token: { accountId: string }, parts: { payload: object }) {
          Object.assign(parts.payload, claimsOf(token.accountId));
        },
      },
    },
  });
}

/** What a browser does, and the person before it: any password, and consent. */
async function signIn(url: string, subject: string) {
  const verifier = randomBytes(32).toString('base64url');
  const cookies = new Map<string, string>();
  const request = new URLSearchParams({
    client_id: CLIENT,
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    resource: RESOURCE,
    nonce: randomUUID(),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const visit = async (address: string, form?: Record<string, string>) => {
    const response = await fetch(new URL(address, url), {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = cookie.split(';')[0]?.split('=') ?? [];
      cookies.set(name, value);
    }
    await response.arrayBuffer();
    return response.headers.get('location') ?? '';
  };
  let location = await visit(`/auth?${request}`);
  const forms = [{ prompt: 'login', login: subject, password: 'any' }, { prompt: 'consent' }];
  for (let step = 0; step < STEPS_MAX && !location.startsWith(CALLBACK); step += 1) {
    location = await visit(location, location.includes('/interaction/') ? forms.shift() : undefined);
  }
  const code = new URL(location).searchParams.get('code') ?? '';
  const response = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: CLIENT,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
      resource: RESOURCE,
      code,
    }),
  });
  const tokens = (await response.json()) as { access_token?: string; id_token?: string };
  if (tokens.access_token === undefined) throw new Error(`the issuer answered ${JSON.stringify(tokens)}`);
  return { accessToken: tokens.access_token, idToken: tokens.id_token ?? '' };
}
