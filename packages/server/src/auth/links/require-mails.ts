import { ProblemError } from '../../errors/problem.js';
import type { Mails } from '../../mail/mail-outbox.js';

/** @throws {ProblemError} `mail_off` to everyone alike, where the server can send no mail */
export function requireMails({ canSend }: Mails): void {
  if (!canSend) throw new ProblemError('mail_off', 'this server sends no mail: its operator has not set SMTP_URL');
}
