import { z } from 'zod';
import { type OidcSettings, TOKEN_TYPES } from '../oidc/oidc-settings.js';
import { isHttpUrl } from './tracing/tracing-variables.js';

export const ISSUER_RULE = 'must be a URL of https, without user, query and fragment; http is for this machine alone';

const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

const claim = z.string().regex(/^\S{1,200}$/, 'must be the name of a claim, or its path such as realm_access.roles');

/** The variables of signing in. */
export const OIDC_VARIABLES = {
  AUTH_MODE: z.enum(['local', 'oidc', 'both'], 'must be one of local, oidc, both').default('local').meta({
    description:
      'How users sign in: `local` with a password here, `oidc` with access tokens of another issuer, or `both`. API keys work in each.',
  }),
  OIDC_ISSUER: z.string().refine(isIssuerUrl, ISSUER_RULE).optional().meta({
    type: 'URL',
    example: 'https://login.example.com/realms/pay',
    description:
      'Issuer of the access tokens, exactly as in their `iss`. Its keys are found by OpenID Connect Discovery.',
  }),
  OIDC_AUDIENCE: z.string().min(1).optional().meta({
    type: 'text',
    example: 'micropay',
    description: 'The name that the issuer gives this server: what `aud` of the tokens has to hold.',
  }),
  OIDC_TOKEN_TYPE: z
    .enum(TOKEN_TYPES, `must be one of ${TOKEN_TYPES.join(', ')}`)
    .default('at+jwt')
    .meta({
      description:
        'The `typ` in the header of access tokens. `JWT` is for issuers that do not follow RFC 9068; ID tokens are refused as far as they ' +
        'can be told apart.',
    }),
  OIDC_USER_CLAIM: claim.default('sub').meta({
    type: 'name or path of a claim',
    description: 'The claim that names a user at the issuer for ever. Not an email, which changes hands.',
  }),
  OIDC_ROLE_CLAIM: claim.optional().meta({
    type: 'name or path of a claim',
    example: 'realm_access.roles',
    unset: 'roles are granted here only',
    description: 'The claim that makes its user support if it is, or holds, `support`.',
  }),
  OIDC_LEDGER_CLAIM: claim.optional().meta({
    type: 'name or path of a claim',
    example: 'ledger',
    unset: 'each token of the issuer is for this ledger',
    description: 'The claim that has to be, or hold, the name of the ledger.',
  }),
};

type OidcVariables = z.output<z.ZodObject<typeof OIDC_VARIABLES>> & { readonly TOKEN_ISSUER: string };

/** An issuer has to be there if it is to sign users in, and is another one than this server. */
export function checkOidc(variables: OidcVariables, context: z.RefinementCtx): void {
  const { AUTH_MODE: mode, OIDC_ISSUER: issuer, TOKEN_ISSUER: own } = variables;
  if (mode === 'local') return;
  for (const name of ['OIDC_ISSUER', 'OIDC_AUDIENCE'] as const) {
    if (variables[name] !== undefined) continue;
    context.addIssue({ code: 'custom', path: [name], message: `is missing: AUTH_MODE=${mode} needs it` });
  }
  if (issuer === own) {
    context.addIssue({ code: 'custom', path: ['OIDC_ISSUER'], message: 'must be another issuer than TOKEN_ISSUER' });
  }
}

/** Undefined where users sign in here only. */
export function toOidcSettings(variables: OidcVariables): OidcSettings | undefined {
  const { AUTH_MODE: mode, OIDC_ISSUER: issuer = '', OIDC_AUDIENCE: audience = '' } = variables;
  if (mode === 'local') return undefined;
  return {
    mode,
    issuer,
    audience,
    tokenType: variables.OIDC_TOKEN_TYPE,
    userClaim: variables.OIDC_USER_CLAIM,
    ...(variables.OIDC_ROLE_CLAIM === undefined ? {} : { roleClaim: variables.OIDC_ROLE_CLAIM }),
    ...(variables.OIDC_LEDGER_CLAIM === undefined ? {} : { ledgerClaim: variables.OIDC_LEDGER_CLAIM }),
  };
}

/** Over plain http anybody on the way could answer with keys of their own. */
export function isIssuerUrl(text: string): boolean {
  if (!isHttpUrl(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || LOOPBACK.test(hostname);
}
