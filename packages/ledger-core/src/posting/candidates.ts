import type { Candidate } from '../domain/decision/decide.js';
import type { ResolvedLeg } from '../domain/decision/move.js';
import type { HeldAmount } from '../domain/transfers/hold.js';
import { keyDigest, requestDigest } from '../domain/transfers/idempotency.js';
import { accountsNamedBy, continuedTransferOf, type Leg, namesAccounts } from '../domain/transfers/leg.js';
import type { PostTransfer, RequestOptions, TransferId } from '../domain/transfers/transfer.js';
import { uuidv7 } from './uuids.js';
import type { LookUp, Posting } from './waiting.js';

type PostingContext = { readonly [Name in keyof RequestOptions]: RequestOptions[Name] | undefined } & {
  readonly linked: boolean;
  /** Shared by the requests of one call that must apply in order; null for a request of its own. */
  readonly sequence: object | null;
};

/** References of a leg that continues no hold or transfer. */
const NO_ORIGINS: readonly TransferId[] = [];

/** Makes ids and digests once, so that every run of a request is the same request. */
export function toPosting(ledger: number, legs: readonly Leg[], context: PostingContext): Posting {
  const { linked, sequence, dryRun = false } = context;
  const ids = legs.map(({ id }) => (id ?? uuidv7()) as TransferId);
  const key = keyDigest(context);
  const isRepeatable = key !== null || legs.some(({ id }) => id !== undefined);
  const request = isRepeatable ? requestDigest(legs, linked) : null;
  const toCandidate = (lookUp: LookUp): Candidate => ({
    linked,
    dryRun: dryRun !== false,
    sequence,
    keyDigest: key,
    requestDigest: request,
    legs: legs.map((leg, index) => {
      const named = namedBy(leg, lookUp);
      return {
        leg,
        id: ids[index] as TransferId,
        idGiven: leg.id !== undefined,
        limitsOf: dryRun === 'from' ? 'from' : 'both',
        ...named,
      };
    }),
  });
  return {
    ledger,
    legCount: legs.length,
    references: legs.flatMap(accountsNamedBy),
    origins: legs.some(continuedTransferOf)
      ? legs.map(continuedTransferOf).filter((id) => id !== undefined)
      : NO_ORIGINS,
    sequence,
    toCandidate,
  };
}

function namedBy(leg: Leg, { accountId, origin }: LookUp): Pick<ResolvedLeg, 'from' | 'to' | 'originEffectiveAt'> {
  if (namesAccounts(leg)) return { from: accountId(leg.from), to: accountId(leg.to), originEffectiveAt: null };
  const continued = origin(continuedTransferOf(leg) as TransferId);
  if (continued === undefined) return { from: null, to: null, originEffectiveAt: null };
  const { from, to, effectiveAt: originEffectiveAt } = continued;
  return leg.kind === 'reversal' ? { from: to, to: from, originEffectiveAt } : { from, to, originEffectiveAt };
}

export function singlePosting(ledger: number, request: PostTransfer, sequence: object | null): Posting {
  const { idempotencyKey, scope, dryRun } = request;
  return toPosting(ledger, [request], { linked: false, sequence, idempotencyKey, scope, dryRun });
}

/** The same for a hold whose accounts are known. */
export function expiryCandidate({ id: hold, from, to }: Pick<HeldAmount, 'id' | 'from' | 'to'>): Candidate {
  const origin = { id: hold, from, to, effectiveAt: null };
  return expiryPosting(0, hold).toCandidate({ accountId: () => null, origin: () => origin });
}

/** Ends a hold that is due, on behalf of nobody. */
export function expiryPosting(ledger: number, hold: TransferId): Posting {
  return toPosting(ledger, [{ kind: 'expiry', hold }], { linked: false, sequence: null });
}
