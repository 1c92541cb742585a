import type { Logger } from 'pino';
import type { Database } from '../database/connect.js';
import { createLogMailer } from '../mail/log-mailer.js';
import type { MailKind, WriteMail } from '../mail/mail-kind.js';
import { createMailOutbox, type MailOutbox } from '../mail/mail-outbox.js';
import { createMailSender, type MailSender } from '../mail/mail-sender.js';
import type { MailSettings } from '../mail/mail-settings.js';
import { createSmtpMailer } from '../mail/smtp-mailer.js';

export interface Mailing {
  readonly outbox: MailOutbox;
  readonly sender: MailSender;
}

/** What sends the mails of a ledger, by SMTP or to the log. */
export function createMailing(
  { smtp }: MailSettings,
  {
    database,
    ledger,
    kinds,
    log,
  }: {
    readonly database: Database;
    readonly ledger: string;
    readonly kinds: Readonly<Record<MailKind, WriteMail>>;
    readonly log: Logger;
  },
): Mailing {
  const outbox = createMailOutbox(database, ledger);
  const mailer = smtp === undefined ? createLogMailer(log) : createSmtpMailer(smtp);
  return { outbox, sender: createMailSender({ outbox, mailer, kinds, log }) };
}

/** A server without a mail server does something that its operator may not expect. */
export function warnOfMails(mail: MailSettings | undefined, log: Logger): void {
  if (mail === undefined) log.warn('SMTP_URL is not set: no mail is sent, so forgotten passwords cannot be reset');
  else if (mail.smtp === undefined)
    log.warn(
      'SMTP_URL is not set: mails go to this log, with links that let in who reads it. ' +
        `They open pages of your application at ${mail.publicUrl} (PUBLIC_URL). ` +
        'Without one, post the token of a link to the route of /v1/auth that completes what was asked for',
    );
}
