import type { Logger } from 'pino';
import type { Mailer } from './mailer.js';

/** Writes mails to the log as they are, so that their links can be followed: for development alone. */
export function createLogMailer(log: Pick<Logger, 'info'>): Mailer {
  return {
    async send({ id, to, subject, text }) {
      log.info({ mail: id }, `mail to ${to}: ${subject}\n\n${text}`);
    },
    close: () => undefined,
  };
}
