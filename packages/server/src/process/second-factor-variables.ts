import { z } from 'zod';
import {
  type PasskeySettings,
  SECOND_FACTORS_DEFAULT,
  type SecondFactorSettings,
} from '../auth/second-factor/second-factor.js';
import { PUBLIC_URL_DEFAULT } from './mail-variables.js';

export const SERVICE_NAME_RULE = 'must be a name of 1 to 60 characters, without a colon';
export const RP_ID_RULE = 'must be a domain such as example.com, or localhost';
export const ORIGIN_RULE =
  'must be origins of https such as https://app.example.com, without a path; http is for localhost, and apps of Android are android:apk-key-hash:…';
export const BELONGS_RULE = 'must be the domain of each of the origins, or one above it';

/** Labels of RFC 1035, at least two: browsers refuse addresses, and domains that anybody can have others below. */
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ANDROID = /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/;

/** The variables of second factors. */
export const SECOND_FACTOR_VARIABLES = {
  SERVICE_NAME: z.string().refine(isServiceName, SERVICE_NAME_RULE).default(SECOND_FACTORS_DEFAULT.serviceName).meta({
    type: 'text of 1 to 60 characters, without a colon',
    example: 'Example Pay',
    description:
      'What the users know this service by. Authenticator apps show it beside their codes, and browsers when they make a passkey.',
  }),
  PASSKEY_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .pipe(z.array(z.string().refine(isPasskeyOrigin, ORIGIN_RULE)))
    .optional()
    .meta({
      type: 'origins, separated by commas',
      example: 'https://app.example.com,https://www.example.com',
      unset: 'that of `PUBLIC_URL`; without one that browsers allow passkeys for, there are none',
      description: 'Origins of the pages, and apps of Android, that use passkeys.',
    }),
  PASSKEY_RP_ID: z.string().refine(isRpId, RP_ID_RULE).optional().meta({
    type: 'domain',
    example: 'example.com',
    unset: 'the domain of the first origin',
    description:
      'The domain that passkeys belong to: that of the origins, or one above. Passkeys that users have do not work with another.',
  }),
};

type SecondFactorVariables = z.output<z.ZodObject<typeof SECOND_FACTOR_VARIABLES>> & {
  readonly PUBLIC_URL?: string | undefined;
};

/** Browsers refuse passkeys of a domain that is not that of the page. */
export function checkPasskeys(variables: SecondFactorVariables, context: z.RefinementCtx): void {
  const { PASSKEY_RP_ID: rpId } = variables;
  if (rpId === undefined && variables.PASSKEY_ORIGINS === undefined) return;
  const settings = passkeysOf(variables);
  if (settings !== undefined && belongTogether(settings)) return;
  const path = [rpId === undefined ? 'PASSKEY_ORIGINS' : 'PASSKEY_RP_ID'];
  const message = rpId === undefined ? 'must have one domain, or PASSKEY_RP_ID as one above' : BELONGS_RULE;
  context.addIssue({ code: 'custom', path, message });
}

export function toSecondFactorSettings(variables: SecondFactorVariables): SecondFactorSettings {
  const passkeys = passkeysOf(variables);
  return { serviceName: variables.SERVICE_NAME, ...(passkeys === undefined ? {} : { passkeys }) };
}

/** Undefined where the application is at a place that browsers allow no passkeys for, such as an IP address. */
function passkeysOf({
  PASSKEY_ORIGINS,
  PASSKEY_RP_ID,
  PUBLIC_URL,
}: SecondFactorVariables): PasskeySettings | undefined {
  const application = originOf(PUBLIC_URL ?? PUBLIC_URL_DEFAULT);
  const origins = PASSKEY_ORIGINS ?? [application].filter(isPasskeyOrigin);
  const web = origins.find((origin) => !ANDROID.test(origin));
  const rpId = PASSKEY_RP_ID ?? (web === undefined ? undefined : hostnameOf(web));
  return rpId === undefined || origins.length === 0 ? undefined : { rpId, origins };
}

/** Empty for what is no URL, which is refused elsewhere. */
function originOf(text: string): string {
  return URL.canParse(text) ? new URL(text).origin : '';
}

function hostnameOf(text: string): string {
  return URL.canParse(text) ? new URL(text).hostname : '';
}

/** Whether browsers let pages of these origins use passkeys of this domain. */
export function belongTogether({ rpId, origins }: PasskeySettings): boolean {
  return origins.every((origin) => {
    if (ANDROID.test(origin)) return true;
    const hostname = hostnameOf(origin);
    return hostname === rpId || hostname.endsWith(`.${rpId}`);
  });
}

/** Authenticator apps read what follows a colon as the account. */
export function isServiceName(text: string): boolean {
  return /^[^:\p{Cc}]{1,60}$/u.test(text);
}

export function isRpId(text: string): boolean {
  return text === 'localhost' || DOMAIN.test(text);
}

/** A page that browsers consider safe, at a domain. */
export function isPasskeyOrigin(text: string): boolean {
  if (ANDROID.test(text)) return true;
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  if (origin !== text || !isRpId(hostname)) return false;
  return protocol === 'https:' || (protocol === 'http:' && hostname === 'localhost');
}
