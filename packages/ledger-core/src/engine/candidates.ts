import type { Candidate } from '../domain/decide.js';
import { keyDigest, requestDigest } from '../domain/idempotency.js';
import type { LinkedOptions, TransferId, TransferLeg, TransferRequest } from '../domain/transfer.js';
import { uuidv7 } from './uuids.js';
import type { AccountIdOf, Submission } from './waiting.js';

/** Makes ids and digests once, so that every run of a request is the same request. */
export function toSubmission(
  ledger: number,
  legs: readonly TransferLeg[],
  options: LinkedOptions & { readonly linked: boolean; readonly order: object | null },
): Submission {
  const { linked, order } = options;
  const ids = legs.map(({ id }) => (id ?? uuidv7()) as TransferId);
  const key = keyDigest(options);
  const isRepeatable = key !== null || legs.some(({ id }) => id !== undefined);
  const request = isRepeatable ? requestDigest(legs, linked) : null;
  const toCandidate = (idOf: AccountIdOf): Candidate => ({
    linked,
    order,
    keyDigest: key,
    requestDigest: request,
    legs: legs.map((leg, index) => ({
      leg,
      id: ids[index] as TransferId,
      idGiven: leg.id !== undefined,
      from: idOf(leg.from),
      to: idOf(leg.to),
    })),
  });
  return { ledger, references: legs.flatMap(({ from, to }) => [from, to]), order, toCandidate };
}

export function singleSubmission(ledger: number, request: TransferRequest, order: object | null): Submission {
  const { idempotencyKey, scope } = request;
  return toSubmission(ledger, [request], {
    linked: false,
    order,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(scope === undefined ? {} : { scope }),
  });
}
