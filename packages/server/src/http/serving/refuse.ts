import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Principal } from '../../identity/principal.js';
import { toProblem } from '../to-problem.js';
import { sendProblem } from './send-answer.js';

/** Turns an error into the response that says so, and logs the ones that are the server's fault. */
export function refuse(
  outgoing: ServerResponse,
  error: unknown,
  {
    requestId,
    log,
    reader,
    headers: others,
  }: {
    readonly requestId: string;
    readonly log: Logger;
    readonly reader?: Principal | undefined;
    /** Besides those of the problem. */
    readonly headers?: Readonly<Record<string, string>> | undefined;
  },
): { readonly status: number; readonly code: string } {
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
