import { LedgerError, type PostResult } from '@micropay/ledger-core';
import type { Problem } from '../errors/problem.js';
import type { Answer } from '../http/answer.js';
import { toProblem } from '../http/to-problem.js';
import type { Principal } from '../identity/principal.js';
import type { PostTransferJson } from '../transfers/post-transfer-json.js';
import type { Asker } from '../transfers/recipient-look-ups.js';
import { findParties, type ResolvedPostTransfer, resolvePostTransfer } from '../transfers/resolve-post-transfer.js';
import { type TransferJson, transferJson, type VisibleSides } from '../transfers/transfer-json.js';
import type { TransferServices } from '../transfers/transfer-services.js';

export interface BatchTransferJson extends PostTransferJson {
  readonly idempotencyKey: string;
}

type BatchResult = { ok: true; replayed: boolean; transfer: TransferJson } | { ok: false; error: Problem };
export type BatchAnswer = Answer<{ results: BatchResult[] }>;

/** Posts each transfer on its own, in order, under its own key; a refused one never fails its neighbours. */
export async function postBatch(
  services: TransferServices,
  asker: Asker,
  transfers: readonly BatchTransferJson[],
): Promise<BatchAnswer> {
  const resolved = await resolveTransfers(services, asker, transfers);
  const posts = resolved.flatMap((transfer) => ('post' in transfer ? [transfer.post] : []));
  const posted = posts.length === 0 ? [] : await services.ledger.transfers.postMany(posts);
  refuseWhenNothingCouldBeDone(posted);
  const inOrder = posted.values();
  const results = resolved.map((transfer): BatchResult => {
    if (!('post' in transfer)) return { ok: false, error: transfer };
    return resultJson(inOrder.next().value as PostResult, transfer.visible, asker.principal);
  });
  return { body: { results }, faults: posted.flatMap((result) => (isFault(result) ? [result.error] : [])) };
}

/** Each transfer in the ledger's words, or the problem with it. */
async function resolveTransfers(
  services: TransferServices,
  asker: Asker,
  transfers: readonly BatchTransferJson[],
): Promise<readonly (ResolvedPostTransfer | Problem)[]> {
  const { principal } = asker;
  const parties = await findParties(services, asker, transfers);
  return transfers.map((transfer) => {
    try {
      return resolvePostTransfer(principal, transfer, parties, transfer.idempotencyKey);
    } catch (error) {
      return refusalOf(error, principal);
    }
  });
}

/** A fault of the server is no result of one transfer: it ends the whole request before anything is posted. */
export function refusalOf(error: unknown, reader: Principal): Problem {
  const { problem } = toProblem(error, reader);
  if (problem.status >= 500) throw error;
  return problem;
}

/** Its caller reads a result that says nothing of it, and the log has the rest. */
function isFault(result: PostResult): result is PostResult & { readonly ok: false } {
  return !result.ok && result.error.code === 'internal_error';
}

/** A batch of which nothing could be tried is answered as one refusal, so that clients know to repeat it. */
function refuseWhenNothingCouldBeDone(posted: readonly PostResult[]): void {
  const refused = posted.map((result) => (result.ok ? undefined : result.error));
  const [first] = refused;
  if (first !== undefined && refused.every((error) => error instanceof LedgerError && error.retryable)) throw first;
}

export function resultJson(result: PostResult, visible: VisibleSides, reader: Principal): BatchResult {
  if (!result.ok) return { ok: false, error: toProblem(result.error, reader).problem };
  return { ok: true, replayed: result.transfer.replayed, transfer: transferJson(result.transfer, visible) };
}
