import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import type { AuthServices } from '../auth-services.js';

/** Verifiers fetch the set again when they meet an unknown key, so a short while is enough. */
const MAX_AGE_S = 300;
const KEY_KIND = { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' } as const;

const JwksSchema = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
      }),
    ),
  })
  .openapi('Jwks', { description: 'RFC 7517 key set' });

const jwksEndpoint = {
  operationId: 'getJwks',
  method: 'get',
  path: '/.well-known/jwks.json',
  tag: 'Service',
  summary: 'Get the public keys that verify access tokens',
  access: 'anyone',
  answer: {
    status: 200,
    description: 'The key set',
    content: {
      schema: JwksSchema,
      example: {
        keys: [
          {
            kty: 'OKP',
            crv: 'Ed25519',
            x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
            kid: '0199a1d2-4e00-7b11-9c22-7d33e44f5a66',
            alg: 'EdDSA',
            use: 'sig',
          },
        ],
      },
    },
  },
  refusals: [],
} as const satisfies Endpoint;

export const jwksRoute = route(jwksEndpoint, ({ signingKeys }: AuthServices) => () => {
  const keys = signingKeys.all().map(({ kid, x }) => ({ ...KEY_KIND, x, kid }));
  return { body: { keys }, headers: { 'cache-control': `public, max-age=${MAX_AGE_S}` } };
});
