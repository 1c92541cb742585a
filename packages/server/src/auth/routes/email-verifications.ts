import { ProblemError } from '../../errors/problem.js';
import { userGone } from '../../errors/token-refused.js';
import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { findUser, verifyEmail } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { EXAMPLE_LINK_TOKEN, LinkTokenSchema } from '../links/link-json.js';
import { takeLink } from '../links/link-token.js';
import { requireMails } from '../links/require-mails.js';

const requestEmailVerificationEndpoint = {
  operationId: 'requestEmailVerification',
  method: 'post',
  path: '/v1/auth/email-verifications',
  tag: 'Authentication',
  summary: 'Ask for another mail to confirm your email',
  description:
    'Registration sends the first one. The link works once and for a day. Does nothing if the email is confirmed already.',
  access: 'user',
  answer: { status: 202, description: 'A mail is sent, unless the email is confirmed already' },
  refusals: ['mail_off', 'rate_limited'],
} as const satisfies Endpoint;

const completeEmailVerificationEndpoint = {
  operationId: 'completeEmailVerification',
  method: 'post',
  path: '/v1/auth/email-verifications/complete',
  tag: 'Authentication',
  summary: 'Confirm an email with the link of a mail',
  access: 'anyone',
  body: { schema: LinkTokenSchema, example: { token: EXAMPLE_LINK_TOKEN } },
  answer: { status: 204, description: 'The email is confirmed' },
  refusals: ['link_invalid', 'rate_limited'],
} as const satisfies Endpoint;

export const requestEmailVerificationRoute = route(
  requestEmailVerificationEndpoint,
  ({ database, ledger, mails, mailAttempts }: AuthServices) =>
    async ({ principal, clientAddress }) => {
      requireMails(mails);
      const user = await findUser(database, ledger.name, principal.id);
      if (user === undefined) throw userGone();
      // A user of another issuer may have no email here.
      if (user.email === null) return { body: undefined };
      const headers = await mailAttempts.take(clientAddress, user.email);
      if (user.emailVerifiedAt === null) {
        await mails.add(database, { kind: 'email_verification', to: user.email, userId: user.id });
      }
      return { body: undefined, headers };
    },
);

export const completeEmailVerificationRoute = route(
  completeEmailVerificationEndpoint,
  ({ database, ledger, linkAttempts }: AuthServices) =>
    async ({ body: { token }, clientAddress }) => {
      const headers = await linkAttempts.take(clientAddress, token);
      await database.transaction().execute(async (transaction) => {
        const holder = await takeLink(transaction, ledger.name, 'email_verification', token);
        if (await verifyEmail(transaction, ledger.name, holder)) return;
        throw new ProblemError('link_invalid', 'the email was changed after the link was sent');
      });
      return { body: undefined, headers };
    },
);
