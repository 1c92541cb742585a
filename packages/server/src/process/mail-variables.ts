import { z } from 'zod';
import type { MailSettings } from '../mail/mail-settings.js';
import { isLoopback } from '../mail/smtp-mailer.js';
import { canonicalEmail } from '../users/email.js';
import { onOrOff } from './environment.js';
import { isHttpUrl } from './tracing/tracing-variables.js';

const URL_RULE =
  'must look like smtp://user:password@host:587 or smtps://host:465, with special characters percent-encoded';
const FROM_RULE =
  'must be an email such as no-reply@example.com, or a name and an email: Example <no-reply@example.com>';
const PUBLIC_RULE = 'must be a URL of http or https such as https://app.example.com, without user, query and fragment';

const FROM = /^(?:[^<>@"(),:;\\\p{Cc}]{1,100} <([^<>\s]+)>|([^<>\s]+))$/u;
export const PUBLIC_URL_DEFAULT = 'http://localhost:3000';

/** The variables of mails. */
export const MAIL_VARIABLES = {
  SMTP_URL: z
    .string()
    .refine(isSmtpUrl, URL_RULE)
    .optional()
    .meta({
      type: 'URL',
      example: 'smtp://user:password@smtp.example.com:587',
      unset:
        'mails are written to the log, with their secrets, while `HOST` is this machine alone; else, and with `NODE_ENV=production`, none is sent',
      description:
        'Mail server. `smtps` is TLS from the start; `smtp` changes to TLS by STARTTLS and sends nothing without, but on this ' +
        'machine. With it, `MAIL_FROM` and `PUBLIC_URL` are required.',
    }),
  SMTP_TLS: onOrOff()
    .default('on')
    .meta({
      description:
        '`off` lets `smtp` do without TLS: passwords and the secrets of links can be read on the way. For a mail catcher in a network ' +
        'of your own.',
    }),
  MAIL_FROM: z.string().refine(isSender, FROM_RULE).optional().meta({
    type: 'email, or name and email',
    example: 'Example <no-reply@example.com>',
    description: 'Sender of the mails. The name is in ASCII or UTF-8, without quotes.',
  }),
  PUBLIC_URL: z
    .string()
    .refine(isHttpUrl, PUBLIC_RULE)
    .optional()
    .meta({
      type: 'URL',
      example: 'https://app.example.com',
      unset: `\`${PUBLIC_URL_DEFAULT}\``,
      description:
        'Your application, whose pages the links in mails open. Each link ends in `#token=` and a secret that works once, which the page ' +
        'sends to the server.',
    }),
  EMAIL_VERIFICATION: z
    .enum(['required', 'optional'], 'must be "required" or "optional"')
    .optional()
    .meta({
      example: 'required',
      unset: '`required` with `SMTP_URL`, else `optional`',
      description:
        'Whether users must confirm their email before they pay, place holds, or are found by their email as payees. Without, somebody can ' +
        'register with an email that is not theirs, and get what is paid to it.',
    }),
  NODE_ENV: z.string().optional().meta({
    type: 'text',
    example: 'production',
    description:
      '`production` keeps mails out of the log, as everyone who can read their links can use them. The image sets it.',
  }),
};

type MailVariables = z.output<z.ZodObject<typeof MAIL_VARIABLES>> & { readonly HOST: string };

/** A mail server needs a sender, and links a place to lead to. */
export function checkMail(variables: MailVariables, context: z.RefinementCtx): void {
  if (variables.EMAIL_VERIFICATION === 'required' && toMailSettings(variables) === undefined) {
    const message = 'must not be "required" where no mail is sent: set SMTP_URL';
    context.addIssue({ code: 'custom', path: ['EMAIL_VERIFICATION'], message });
  }
  if (variables.SMTP_URL === undefined) return;
  for (const name of ['MAIL_FROM', 'PUBLIC_URL'] as const) {
    if (variables[name] !== undefined) continue;
    context.addIssue({ code: 'custom', path: [name], message: 'is missing: SMTP_URL needs MAIL_FROM and PUBLIC_URL' });
  }
}

export function isVerifiedEmailRequired({ EMAIL_VERIFICATION: asked, SMTP_URL }: MailVariables): boolean {
  return asked === undefined ? SMTP_URL !== undefined : asked === 'required';
}

/** Undefined where no mail can be sent. */
export function toMailSettings(variables: MailVariables): MailSettings | undefined {
  const { SMTP_URL: url, MAIL_FROM: from = '', PUBLIC_URL: publicUrl = PUBLIC_URL_DEFAULT } = variables;
  const links = { publicUrl: publicUrl.replace(/\/$/, '') };
  if (url !== undefined) return { smtp: { url, tls: variables.SMTP_TLS === 'on', from }, ...links };
  // Whoever may ask for a link from another machine, and read the log, could use it.
  return variables.NODE_ENV !== 'production' && isLoopback(variables.HOST) ? links : undefined;
}

export function isSmtpUrl(text: string): boolean {
  if (!/^smtps?:\/\/\S+$/i.test(text) || !URL.canParse(text)) return false;
  try {
    const { username, password, hostname, pathname, search, hash } = new URL(text);
    for (const part of [username, password]) decodeURIComponent(part);
    // nodemailer takes options from a query, which could turn off what is checked here.
    return hostname !== '' && ['', '/'].includes(pathname) && search === '' && hash === '';
  } catch {
    return false;
  }
}

export function isSender(text: string): boolean {
  const [, named, alone] = FROM.exec(text) ?? [];
  return canonicalEmail(named ?? alone ?? '') !== undefined;
}
