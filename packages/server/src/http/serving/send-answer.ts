import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PROBLEM_MEDIA_TYPE, type Problem } from '../../errors/problem.js';
import { type Answer, SECURE_HEADERS } from '../answer.js';
import { dropUnread } from './drop-unread.js';

type Headers = Readonly<Record<string, string>>;

// Lists of names and values, one after the other, are what Node writes without another look at them.
const SECURE_LIST: readonly string[] = Object.entries(SECURE_HEADERS).flat();
const JSON_LIST: readonly string[] = ['content-type', 'application/json', ...SECURE_LIST];
const PROBLEM_LIST: readonly string[] = ['content-type', PROBLEM_MEDIA_TYPE, ...SECURE_LIST];

/** Sends the result of a handler. `onBroken` is called if a file that is sent in pieces fails on the way. */
export function sendAnswer(
  outgoing: ServerResponse,
  {
    status,
    requestId,
    limitHeaders,
    answer,
    onBroken,
  }: {
    readonly status: number;
    readonly requestId: string;
    readonly limitHeaders: Headers | undefined;
    readonly answer: Answer<unknown>;
    readonly onBroken: (error: unknown) => void;
  },
): void {
  const { body, headers, file } = answer;
  const list = (file === undefined && body !== undefined ? JSON_LIST : SECURE_LIST).concat('x-request-id', requestId);
  addTo(list, limitHeaders);
  addTo(list, headers);
  if (file !== undefined) sendPieces(outgoing, { status, list, file, onBroken });
  else end(outgoing, status, list, body === undefined ? undefined : JSON.stringify(body));
}

export function sendProblem(
  outgoing: ServerResponse,
  {
    problem,
    requestId,
    headers,
  }: {
    readonly problem: Problem;
    readonly requestId: string;
    readonly headers: readonly (Headers | undefined)[];
  },
): void {
  const list = PROBLEM_LIST.concat('x-request-id', requestId);
  for (const some of headers) addTo(list, some);
  const body = JSON.stringify({ ...problem, instance: `urn:micropay:request:${requestId}` });
  end(outgoing, problem.status, list, body);
}

/** Sends a page or a file, which stands in memory. */
export function sendPage(
  outgoing: ServerResponse,
  headers: Headers,
  body?: string | Buffer,
  status: number = body === undefined ? 204 : 200,
): void {
  end(outgoing, status, Object.entries(headers).flat(), body);
}

function addTo(list: string[], headers: Headers | undefined): void {
  for (const name in headers) list.push(name, headers[name] as string);
}

function end(outgoing: ServerResponse, status: number, list: string[], body: string | Buffer | undefined): void {
  dropUnread(outgoing);
  if (body === undefined) {
    outgoing.writeHead(status, list).end();
    return;
  }
  list.push('content-length', String(Buffer.byteLength(body)));
  outgoing.writeHead(status, list).end(body);
}

/** A response that breaks off is cut, so that its client does not take a part for the whole. */
function sendPieces(
  outgoing: ServerResponse,
  {
    status,
    list,
    file,
    onBroken,
  }: {
    readonly status: number;
    readonly list: string[];
    readonly file: NonNullable<Answer<unknown>['file']>;
    readonly onBroken: (error: unknown) => void;
  },
): void {
  dropUnread(outgoing);
  outgoing.writeHead(status, list);
  if (outgoing.req.method === 'HEAD') {
    outgoing.end();
    return;
  }
  pipeline(Readable.from(file), outgoing).catch((error: unknown) => {
    // A client may go at any time: that is no failure.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') onBroken(error);
  });
}
