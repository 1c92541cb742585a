import type { Client } from 'openapi-fetch';
import { MicroPayError, notMicroPay } from './errors.js';
import type { paths } from './generated/api.js';
import type { SendOptions } from './transport.js';

/** Shared by all parts of the client: the typed routes, and the `fetch` of one call with its session. */
export interface Api {
  readonly routes: Pick<Client<paths, `${string}/${string}`>, 'GET' | 'POST' | 'PATCH' | 'DELETE'>;
  /** Sent with the client's credential. */
  send(options: Omit<SendOptions, 'session'>): (request: Request) => Promise<Response>;
  /** Sent without one. */
  sendAnonymously(options: Omit<SendOptions, 'session'>): (request: Request) => Promise<Response>;
}

/** The value that `read` makes from the body of a successful response. */
export async function bodyOf<Data, Result = Data>(
  answer: Promise<{ data?: Data; response: Response }>,
  read: (data: Data, headers: Headers) => Result = (data) => data as unknown as Result,
  idempotencyKey?: string,
): Promise<Result> {
  // A refusal was thrown before it came here, so that only the body of a success can be missing: a 204.
  const { data, response } = await answer;
  try {
    return read(data as Data, response.headers);
  } catch (error) {
    if (error instanceof MicroPayError) throw error;
    throw notMicroPay({ status: response.status, idempotencyKey });
  }
}
