/** What a mail is about. Its text is written when it is sent, so that no secret of a link is ever stored. */
export type MailKind = 'notice' | 'notification' | 'password_reset' | 'email_verification' | 'email_change';

/** A mail that waits to be sent. */
export interface WaitingMail {
  readonly id: string;
  readonly kind: string;
  readonly to: string;
  /** Whose it is; null for a mail to an email that may be nobody's. */
  readonly userId: string | null;
  readonly data: Readonly<Record<string, string>>;
  readonly createdAt: Date;
}

export interface MailText {
  readonly subject: string;
  readonly text: string;
}

/**
 * Writes a mail's text; undefined for a mail that is not to be sent after all. It is called once for each attempt, and a secret
 * that it makes for one must hold although the next attempt makes another: any of them may have arrived.
 */
export type WriteMail = (mail: WaitingMail) => Promise<MailText | undefined>;

/** A mail whose text is known when it is asked for. No secret belongs in it. */
export async function writeNotice({ data: { subject = '', text = '' } }: WaitingMail): Promise<MailText> {
  return { subject, text };
}
