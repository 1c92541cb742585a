import type { UserId } from '../identity/user-id.js';
import type { NewMail } from '../mail/mail-outbox.js';

/** Tells users of changes to their account, so that a change that was not theirs does not stay hidden. */
function notice(userId: UserId | undefined, to: string, subject: string, lines: readonly string[]): NewMail {
  const of = userId === undefined ? {} : { userId };
  return { kind: 'notice', to, ...of, data: { subject, text: lines.join('\n\n') } };
}

export function passwordChanged(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'Your password was changed', [
    'The password of your account was changed, and your other sessions have ended.',
    'If it was not you, choose a new password at once: ask for it where you log in.',
  ]);
}

/** To the email that the account had until now. */
export function emailChanged(userId: UserId, formerEmail: string): NewMail {
  return notice(userId, formerEmail, 'Your email was changed', [
    'Your account has another email from now on, and no more mails come to this one.',
    'If it was not you, ask those who run this service for help.',
  ]);
}

/** The last one. It is nobody's any more, and is forgotten once it is sent. */
export function accountClosed(formerEmail: string): NewMail {
  return notice(undefined, formerEmail, 'Your account was closed', [
    'Your account is closed, and your personal data is erased. What was paid stays in the books, without your name.',
    'If it was not you, ask those who run this service for help.',
  ]);
}
