import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { withDeadline } from '../throttling/deadline.js';
import type { MailKind, WriteMail } from './mail-kind.js';
import type { ClaimedMail, MailOutbox } from './mail-outbox.js';
import { type Mailer, MailRefusedError } from './mailer.js';

/** Tries for half a day and more: most mail servers are back by then. */
const ATTEMPTS_MAX = 14;
const PAUSE_FIRST_S = 15;
const PAUSE_MAX_S = 4 * 3_600;
const LOOK_EVERY_MS = 1_000;
const AT_ONCE_MAX = 8;
/** Longer than an attempt may take, so that no mail is sent by two servers at once. */
const LEASE_SECONDS = 120;
const ATTEMPT_TIMEOUT_MS = 60_000;
/** Within the time that a server has to stop. */
const STOP_TIMEOUT_MS = 5_000;

class LateError extends Error {
  override readonly name = 'LateError';
  override readonly message = 'the mail server did not answer in time';
}

export interface MailSender {
  start(): void;
  /** Finishes the mails in progress. What takes too long is sent by another server, or after the next start. */
  stop(): Promise<void>;
}

interface Dependencies {
  readonly outbox: MailOutbox;
  readonly mailer: Mailer;
  readonly kinds: Readonly<Record<MailKind, WriteMail>>;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  /** For tests. */
  readonly leaseSeconds?: number;
}

/**
 * Sends the mails of the outbox, at least once each: a server that dies after it has sent one, and before it has deleted the row,
 * leaves it to the next, which sends it again with the same Message-ID.
 */
export function createMailSender({
  outbox,
  mailer,
  kinds,
  log,
  leaseSeconds = LEASE_SECONDS,
}: Dependencies): MailSender {
  const stopping = new AbortController();
  const { signal } = stopping;
  const names = Object.keys(kinds);
  let running: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const sent = await sendDue().catch((err: unknown) => {
        if (!signal.aborted) log.warn({ work: 'mails', err }, 'background work failed');
        return 0;
      });
      if (sent < AT_ONCE_MAX) await delay(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async function sendDue(): Promise<number> {
    const mails = await outbox.claim(names, { countMax: AT_ONCE_MAX, leaseSeconds });
    await Promise.all(mails.map(settle));
    return mails.length;
  }

  async function settle(mail: ClaimedMail): Promise<void> {
    try {
      await withDeadline(ATTEMPT_TIMEOUT_MS, send(mail), () => new LateError());
    } catch (error) {
      return putOffOrEnd(mail, error);
    }
    await outbox.remove(mail);
  }

  async function send(mail: ClaimedMail): Promise<void> {
    const text = await kinds[mail.kind as MailKind](mail);
    if (text !== undefined) await mailer.send({ id: mail.id, to: mail.to, createdAt: mail.createdAt, ...text });
  }

  /** The log has no recipient: neither the mail server's sentence, which may quote it, nor the stack that begins with it. */
  async function putOffOrEnd(mail: ClaimedMail, error: unknown): Promise<void> {
    const line = { mail: mail.id, kind: mail.kind, attempt: mail.attempt, ...causeOf(error) };
    if (error instanceof MailRefusedError) {
      log.warn(line, 'a mail was refused, and is not sent again');
      return outbox.end(mail, 'refused');
    }
    if (mail.attempt >= ATTEMPTS_MAX) {
      log.error(line, 'a mail could not be sent, and is not tried again');
      return outbox.end(mail, 'failed');
    }
    log.warn(line, 'a mail could not be sent now, and is tried again');
    // What was not answered in time may be sent yet: no other attempt begins beside it.
    const pauseS = pauseSeconds(mail.attempt);
    await outbox.putOff(mail, error instanceof LateError ? Math.max(pauseS, leaseSeconds) : pauseS);
  }

  async function finish(): Promise<void> {
    stopping.abort(new Error('the server stops'));
    const work = withDeadline(STOP_TIMEOUT_MS, running ?? Promise.resolve(), () => new Error('too late'));
    await work.catch(() => undefined);
    mailer.close();
  }

  return {
    start() {
      running ??= run();
    },
    stop() {
      stopped ??= finish();
      return stopped;
    },
  };
}

/** Between half and all of it, at random, so that what failed together does not come back together. */
function pauseSeconds(failures: number): number {
  return Math.min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

function causeOf(error: unknown): Record<string, unknown> {
  const { code, responseCode, command, name } = (error instanceof MailRefusedError ? error.cause : error) as Record<
    string,
    unknown
  >;
  return { error: name, code, responseCode, command };
}
