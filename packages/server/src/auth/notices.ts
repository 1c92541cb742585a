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

export function secondFactorAdded(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'A second factor was added to your account', [
    'From now on you log in with your password and a second factor.',
    'If it was not you, change your password at once, and ask those who run this service for help.',
  ]);
}

export function secondFactorRemoved(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'A second factor was removed from your account', [
    'One of the second factors of your account was removed.',
    'If it was not you, change your password at once, and ask those who run this service for help.',
  ]);
}

export function secondFactorsRemovedByOperator(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'The second factors of your account were removed', [
    'Those who run this service removed every second factor of your account. You log in with your password alone until you add one.',
    'If you did not ask for it, change your password at once, and ask them for help.',
  ]);
}

export function secondFactorsRemovedByReset(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'The second factors of your account were removed', [
    'Your new password is the first proof that this email is yours. The second factors that were added before may be of somebody else, and were removed.',
    'If they were yours, log in with your new password and add them again.',
  ]);
}

export function recoveryCodesRenewed(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'Your recovery codes were replaced', [
    'New recovery codes were made for your account, and the old ones do not work any more.',
    'If it was not you, change your password at once, and ask those who run this service for help.',
  ]);
}

export function recoveryCodeUsed(userId: UserId, to: string, left: number): NewMail {
  return notice(userId, to, 'A recovery code was used', [
    `Somebody logged in to your account with your password and one of your recovery codes. Codes that are left: ${left}.`,
    'If it was not you, change your password at once.',
  ]);
}

export function wrongCodes(userId: UserId, to: string): NewMail {
  return notice(userId, to, 'Somebody may know your password', [
    'Somebody logged in with your password and then gave several wrong codes. They were not let in.',
    'If it was not you, change your password at once.',
  ]);
}
