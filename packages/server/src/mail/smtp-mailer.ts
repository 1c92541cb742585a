import { isIP } from 'node:net';
import { createTransport } from 'nodemailer';
import type { SmtpSettings } from './mail-settings.js';
import { type Mailer, MailRefusedError } from './mailer.js';

const CONNECTIONS_MAX = 4;
const CONNECT_TIMEOUT_MS = 10_000;
/** Of a connection on which nothing is sent. */
const SILENCE_TIMEOUT_MS = 20_000;
const PERMANENT = 500;

/** Sends mails by SMTP, over a few connections that are kept open while there is something to send. */
export function createSmtpMailer({ url, tls, from }: SmtpSettings): Mailer {
  const { protocol, hostname } = new URL(url);
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: CONNECTIONS_MAX,
    requireTLS: protocol === 'smtp:' && tls && !isLoopback(hostname),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = from.slice(from.lastIndexOf('@') + 1).replace('>', '');

  return {
    async send({ id, to, subject, text, createdAt }) {
      try {
        await transport.sendMail({
          from,
          // Not as a text, which may name several.
          to: { name: '', address: to },
          subject,
          text,
          date: createdAt,
          messageId: `<${id}@${domain}>`,
          // Nobody's holiday notice answers it (RFC 3834).
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
      } catch (error) {
        throw isRefusal(error) ? new MailRefusedError('the mail server refused it', { cause: error }) : error;
      }
    },
    close: () => transport.close(),
  };
}

/** Of the recipient. A sender that is not allowed, or a quota that is used up, is set right by an operator or by time. */
function isRefusal(error: unknown): boolean {
  const { command, responseCode } = error as { command?: unknown; responseCode?: unknown };
  return command === 'RCPT TO' && Number(responseCode) >= PERMANENT;
}

/** A name that only means this machine, or its address. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
