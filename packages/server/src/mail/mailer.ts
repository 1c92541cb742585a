/** A mail as it is sent. */
export interface Mail {
  /** The same in every attempt: it makes the Message-ID, by which a mail that comes twice is known as one. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly createdAt: Date;
}

/** What carries a mail out of the server. */
export interface Mailer {
  /**
   * Resolves once the mail is in other hands. Rejects otherwise, and the mail may have gone out all the same.
   *
   * @throws {MailRefusedError} when another attempt would be refused as well
   */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/** The mail server does not take this mail, now or later: its recipient does not exist, say. */
export class MailRefusedError extends Error {
  override readonly name = 'MailRefusedError';
}
