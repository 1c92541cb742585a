import { type Api, bodyOf } from './api.js';
import { MicroPayError, problemToError } from './errors.js';
import type { components } from './generated/api.js';
import { isReplayed, type PostOptions, postOnce, toJson } from './posting.js';
import { result } from './result.js';
import { elapsedMs, wait } from './retry.js';
import type { PostTransfer } from './transfer.js';
import type { CallOptions } from './transport.js';

type TransferRequestJson = components['schemas']['TransferRequest'];

/** A payment to be posted later: what `transfers.post` takes, except a dry run, which has its result immediately. */
export type SubmitTransferRequest = Omit<PostTransfer, 'dryRun'>;

/** A payment to be posted later, and its outcome; amounts are whole minor units. */
export interface TransferRequest extends Readonly<Omit<TransferRequestJson, 'amount' | 'refusal'>> {
  readonly amount: bigint;
  /** For a refused request: the error that `transfers.post` would have thrown. */
  readonly refusal: MicroPayError | null;
}

/** The result of `submit`; `replayed` is true if an earlier call with the same key submitted it. */
export interface SubmittedTransferRequest extends TransferRequest {
  readonly replayed: boolean;
}

export interface WaitOptions extends CallOptions {
  /** The longest time to wait; default 30,000. */
  readonly timeoutMs?: number;
}

export interface TransferRequests {
  /**
   * Submits a payment that the server posts later, and returns as soon as it is stored. `wait` returns its outcome.
   *
   * @throws {MicroPayError} what can be refused without looking at a balance: `account_not_found`,
   *   `recipient_not_found`, `idempotency_key_reused` and others
   */
  submit(payment: SubmitTransferRequest, options?: PostOptions): Promise<SubmittedTransferRequest>;
  /** @throws {MicroPayError} `transfer_request_not_found`, also for another user's request */
  get(id: string, options?: CallOptions): Promise<TransferRequest>;
  /**
   * Waits until a request is posted or refused, and returns it. A refused request is returned, not thrown.
   *
   * @throws {MicroPayError} `timeout` when it is still open by then; it stays open, so wait again
   */
  wait(id: string, options?: WaitOptions): Promise<TransferRequest>;
}

const WAIT_MS = 30_000;
const ASK_AGAIN_MS = 50;
const ASK_AGAIN_MAX_MS = 2_000;

export function createTransferRequests(api: Api): TransferRequests {
  const { routes, send } = api;
  async function get(id: string, { signal }: CallOptions = {}): Promise<TransferRequest> {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/transfer-requests/{id}', { params: { path: { id } }, fetch }), parseRequest);
  }
  return {
    submit: async (payment, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) =>
          routes.POST('/v1/transfers', {
            params: { header: { ...header, Prefer: 'respond-async' } },
            body: toJson(payment),
            fetch,
          }),
        (body, headers) => submitted(body as TransferRequestJson, headers),
      ),
    get,
    async wait(id, { timeoutMs = WAIT_MS, signal } = {}) {
      const until = elapsedMs() + timeoutMs;
      for (let delayMs = ASK_AGAIN_MS; ; delayMs = Math.min(ASK_AGAIN_MAX_MS, delayMs * 2)) {
        const request = await get(id, { signal });
        if (request.state !== 'requested') return request;
        const leftMs = until - elapsedMs();
        if (leftMs <= 0) throw new MicroPayError('timeout', `still to be posted after ${timeoutMs} ms`);
        await wait(Math.min(delayMs, leftMs), signal);
      }
    },
  };
}

/** The request from the response that accepted it. */
function submitted(request: TransferRequestJson, headers: Headers): SubmittedTransferRequest {
  return result({ ...parseRequest(request), replayed: isReplayed(headers) });
}

function parseRequest(request: TransferRequestJson): TransferRequest {
  const { amount, refusal } = request;
  return result({ ...request, amount: BigInt(amount), refusal: refusal === null ? null : problemToError(refusal) });
}
