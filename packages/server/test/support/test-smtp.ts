import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { vi } from 'vitest';
import type { MailSettings } from '../../src/mail/mail-settings.js';

export interface ReceivedMail {
  readonly to: string;
  readonly subject: string;
  readonly messageId: string;
  readonly text: string;
  /** As it came. */
  readonly source: string;
}

export interface TestSmtp {
  readonly port: number;
  readonly url: string;
  readonly settings: MailSettings;
  readonly mails: readonly ReceivedMail[];
  /** What the server answers to the next mails, once it has read them: undefined takes one. Each of them counts as received. */
  answer: (mail: ReceivedMail) => Promise<SmtpRefusal | undefined> | SmtpRefusal | undefined;
  /** The recipient that it does not know. */
  unknown: string | undefined;
  /** Waits for the `count`-th mail to this email. */
  mailTo(email: string, count?: number): Promise<ReceivedMail>;
  /** The secret at the end of the link in the newest mail to this email, once there are `count`. */
  tokenFor(email: string, count?: number): Promise<string>;
  stop(): Promise<void>;
}

export interface SmtpRefusal {
  readonly responseCode: number;
}

/** A mail server on a port of its own, without TLS. */
export async function startTestSmtp(): Promise<TestSmtp> {
  const mails: ReceivedMail[] = [];
  const smtp = new SMTPServer({
    authOptional: true,
    hideSTARTTLS: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onRcptTo({ address }, _session, callback) {
      callback(address === started.unknown ? Object.assign(new Error('who?'), { responseCode: 550 }) : null);
    },
    onData(stream, session, callback) {
      const to = session.envelope.rcptTo.map(({ address }) => address).join();
      text(stream)
        .then(async (source) => {
          const mail = readMail(to, source);
          mails.push(mail);
          const refusal = await started.answer(mail);
          callback(refusal === undefined ? null : Object.assign(new Error('not today'), refusal));
        })
        .catch(callback);
    },
  });
  smtp.on('error', () => undefined);
  smtp.listen(0, '127.0.0.1');
  await once(smtp.server, 'listening');
  const { port } = smtp.server.address() as AddressInfo;
  const url = `smtp://127.0.0.1:${port}`;
  const mailTo = (email: string, count = 1) =>
    vi.waitUntil(() => mails.filter(({ to }) => to === email)[count - 1], { timeout: 10_000, interval: 20 });
  const started: TestSmtp = {
    port,
    url,
    settings: {
      smtp: { url, tls: true, from: 'MicroPay <no-reply@pay.example.com>' },
      publicUrl: 'https://app.example.com',
    },
    mails,
    answer: () => undefined,
    unknown: undefined,
    mailTo,
    async tokenFor(email, count) {
      const mail = await mailTo(email, count);
      const token = /#token=(\S+)$/m.exec(mail.text)?.[1];
      if (token === undefined) throw new Error(`no link in: ${mail.text}`);
      return token;
    },
    stop: () => new Promise((resolve) => smtp.close(() => resolve())),
  };
  return started;
}

function readMail(to: string, source: string): ReceivedMail {
  const end = source.indexOf('\r\n\r\n');
  const head = source.slice(0, end).replaceAll(/\r\n[ \t]+/g, ' ');
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1] ?? '';
  const body = source.slice(end + 4);
  const isQuoted = header('Content-Transfer-Encoding') === 'quoted-printable';
  return {
    to,
    subject: header('Subject'),
    messageId: header('Message-ID'),
    text: (isQuoted ? unquote(body) : body).replaceAll('\r\n', '\n').trimEnd(),
    source,
  };
}

function unquote(body: string): string {
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
