import { z } from 'zod';
import { SECOND_FACTORS_DEFAULT, type SecondFactorSettings } from '../auth/second-factor/second-factor.js';

export const SERVICE_NAME_RULE = 'must be a name of 1 to 60 characters, without a colon';

/** The variables of second factors. */
export const SECOND_FACTOR_VARIABLES = {
  SERVICE_NAME: z.string().refine(isServiceName, SERVICE_NAME_RULE).default(SECOND_FACTORS_DEFAULT.serviceName).meta({
    type: 'text of 1 to 60 characters, without a colon',
    example: 'Example Pay',
    description: 'What the users know this service by. Authenticator apps show it beside their codes.',
  }),
};

type SecondFactorVariables = z.output<z.ZodObject<typeof SECOND_FACTOR_VARIABLES>>;

export function toSecondFactorSettings({ SERVICE_NAME: serviceName }: SecondFactorVariables): SecondFactorSettings {
  return { serviceName };
}

/** Authenticator apps read what follows a colon as the account. */
export function isServiceName(text: string): boolean {
  return /^[^:\p{Cc}]{1,60}$/u.test(text);
}
