/** How mails leave the server, and where their links lead. */
export interface MailSettings {
  /** Without it mails are written to the log, with the secrets in their links: for development alone. */
  readonly smtp?: SmtpSettings | undefined;
  /** The address of the application whose pages the links open: `https://app.example.com`. */
  readonly publicUrl: string;
}

export interface SmtpSettings {
  /** `smtp://user:password@host:587`, or `smtps://` for TLS from the start. */
  readonly url: string;
  /** Whether a connection that is not encrypted is refused, unless it is to this machine. */
  readonly tls: boolean;
  /** The sender: `no-reply@example.com` or `Example <no-reply@example.com>`. */
  readonly from: string;
}

/** The settings as they may be logged. */
export function redactMail({ smtp, ...settings }: MailSettings): Record<string, unknown> {
  if (smtp === undefined) return { ...settings };
  const { protocol, host } = new URL(smtp.url);
  return { ...settings, smtp: { ...smtp, url: `${protocol}//${host}` } };
}
