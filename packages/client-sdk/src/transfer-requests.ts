import { type Api, bodyOf } from './api.js';
import { MicroPayError, problemToError } from './errors.js';
import type { components } from './generated/api.js';
import { result } from './result.js';
import { elapsedMs, wait } from './retry.js';
import type { CallOptions } from './transport.js';

export type TransferRequestJson = components['schemas']['TransferRequest'];

/** A payment that was asked for, and what became of it; amounts are whole minor units. */
export interface TransferRequest extends Readonly<Omit<TransferRequestJson, 'amount' | 'refusal'>> {
  readonly amount: bigint;
  /** Of a refused one: what `transfers.create` would have thrown. */
  readonly refusal: MicroPayError | null;
}

/** The answer to `transfers.request`; `replayed` when an earlier call with its key had asked for it. */
export interface SubmittedRequest extends TransferRequest {
  readonly replayed: boolean;
}

export interface WaitOptions extends CallOptions {
  /** How long to wait at most; default 30,000. */
  readonly timeoutMs?: number;
}

export interface TransferRequests {
  /** @throws {MicroPayError} `transfer_request_not_found`, also for those of others */
  get(id: string, options?: CallOptions): Promise<TransferRequest>;
  /**
   * Waits until a request is posted or refused, and answers it. A refused one is an answer, not an error.
   *
   * @throws {MicroPayError} `timeout` when it is still open by then; it stays open, so wait again
   */
  wait(id: string, options?: WaitOptions): Promise<TransferRequest>;
}

const WAIT_MS = 30_000;
const ASK_AGAIN_MS = 50;
const ASK_AGAIN_MAX_MS = 2_000;

export function createTransferRequests({ routes, send }: Api): TransferRequests {
  async function get(id: string, { signal }: CallOptions = {}): Promise<TransferRequest> {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/transfer-requests/{id}', { params: { path: { id } }, fetch }), parseRequest);
  }
  return {
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

/** A request out of the answer that accepted it. */
export function submitted(request: TransferRequestJson, headers: Headers): SubmittedRequest {
  return result({ ...parseRequest(request), replayed: headers.get('Idempotent-Replayed') === 'true' });
}

function parseRequest(request: TransferRequestJson): TransferRequest {
  const { amount, refusal } = request;
  return result({ ...request, amount: BigInt(amount), refusal: refusal === null ? null : problemToError(refusal) });
}
