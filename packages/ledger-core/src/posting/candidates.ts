import type { Candidate } from '../domain/decision/decide.js';
import type { ResolvedLeg } from '../domain/decision/move.js';
import type { HeldAmount } from '../domain/transfers/hold.js';
import { keyDigest, requestDigest } from '../domain/transfers/idempotency.js';
import { continuedTransferOf, type Leg, namesAccounts } from '../domain/transfers/leg.js';
import type { PostTransfer, RequestOptions, TransferId } from '../domain/transfers/transfer.js';
import { startPost, traceparentOf } from '../tracing.js';
import { uuidv7 } from './uuids.js';
import type { LookUp, Posting } from './waiting.js';

type PostingContext = { readonly [Name in keyof RequestOptions]: RequestOptions[Name] | undefined } & {
  readonly linked: boolean;
  /** Shared by the requests of one call that must apply in order; null for a request of its own. */
  readonly sequence: object | null;
  /** The trace that it goes on with, null for none; without this member, that of the active span. */
  readonly traceparent?: string | null;
};

/** Makes ids and digests once, so that every run of a request is the same request. */
export function toPosting(ledger: number, legs: readonly Leg[], context: PostingContext): Posting {
  const { linked, sequence, dryRun = false } = context;
  const key = keyDigest(context);
  let isRepeatable = key !== null;
  const ids: TransferId[] = [];
  const references: string[] = [];
  const originals: TransferId[] = [];
  for (const leg of legs) {
    if (leg.id !== undefined) isRepeatable = true;
    ids.push((leg.id ?? uuidv7()) as TransferId);
    if (namesAccounts(leg)) references.push(leg.from, leg.to);
    else originals.push(continuedTransferOf(leg) as TransferId);
  }
  const request = isRepeatable ? requestDigest(legs, linked) : null;
  const span = startPost(legs, context.traceparent);
  const traceparent = span === undefined ? (context.traceparent ?? null) : traceparentOf(span);
  return {
    ledger,
    legCount: legs.length,
    references,
    originals,
    sequence,
    span,
    toCandidate(lookUp) {
      return {
        linked,
        dryRun: dryRun !== false,
        sequence,
        keyDigest: key,
        requestDigest: request,
        traceparent,
        legs: legs.map((leg, index) => ({
          leg,
          id: ids[index] as TransferId,
          idGiven: leg.id !== undefined,
          limitsOf: dryRun === 'from' ? 'from' : 'both',
          ...namedBy(leg, lookUp),
        })),
      };
    },
  };
}

function namedBy(leg: Leg, { accountId, original }: LookUp): Pick<ResolvedLeg, 'from' | 'to' | 'originalEffectiveAt'> {
  if (namesAccounts(leg)) return { from: accountId(leg.from), to: accountId(leg.to), originalEffectiveAt: null };
  const continued = original(continuedTransferOf(leg) as TransferId);
  if (continued === undefined) return { from: null, to: null, originalEffectiveAt: null };
  const { from, to, effectiveAt: originalEffectiveAt } = continued;
  return leg.kind === 'reversal' ? { from: to, to: from, originalEffectiveAt } : { from, to, originalEffectiveAt };
}

export function singlePosting(ledger: number, request: PostTransfer, sequence: object | null): Posting {
  const { idempotencyKey, scope, dryRun } = request;
  return toPosting(ledger, [request], { linked: false, sequence, idempotencyKey, scope, dryRun });
}

/** The same for a hold whose accounts are known. */
export function expiryCandidate({ id: hold, from, to }: Pick<HeldAmount, 'id' | 'from' | 'to'>): Candidate {
  const original = { id: hold, from, to, effectiveAt: null };
  return expiryPosting(0, hold).toCandidate({ accountId: () => null, original: () => original });
}

/** Ends a hold that is due, on behalf of nobody. */
export function expiryPosting(ledger: number, hold: TransferId): Posting {
  return toPosting(ledger, [{ kind: 'expiry', hold }], { linked: false, sequence: null, traceparent: null });
}
