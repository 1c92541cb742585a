import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Principal } from '../../identity/principal.js';
import { toProblem } from '../to-problem.js';
import { sendProblem } from './send-answer.js';

interface Refusal {
  readonly requestId: string;
  readonly log: Logger;
  readonly reader?: Principal | undefined;
  /** Besides those of the problem. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

interface Refused {
  readonly status: number;
  readonly code: string;
}

/**
 * Turns an error into the response that says so, and logs the ones that are the server's fault. It never throws: nobody is behind it
 * to hear of it, and the process would end with all its requests.
 */
export function refuse(outgoing: ServerResponse, error: unknown, refusal: Refusal): Refused {
  try {
    return sendRefusal(outgoing, error, refusal);
  } catch (err) {
    refusal.log.error({ requestId: refusal.requestId, err }, 'a refusal could not be sent');
    outgoing.destroy();
    return { status: 500, code: 'internal_error' };
  }
}

function sendRefusal(
  outgoing: ServerResponse,
  error: unknown,
  { requestId, log, reader, headers: others }: Refusal,
): Refused {
  const { problem, headers } = toProblem(error, reader);
  const { status, code } = problem;
  // A fault needs its stack; of work that cannot be done now there may be thousands a second, and a line is enough.
  if (status === 500) log.error({ requestId, err: error }, 'request failed');
  else if (status > 500) log.warn({ requestId, code }, problem.detail);
  // Whoever has a part of another response must not take what follows for the rest of it.
  if (outgoing.headersSent) outgoing.destroy();
  else sendProblem(outgoing, { problem, requestId, headers: [others, headers] });
  return { status, code };
}
