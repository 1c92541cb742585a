import type { LinkedLeg } from '@micropay/ledger-core';
import { type Problem, ProblemError } from '../errors/problem.js';
import { findHoldToEnd } from '../holds/find-hold.js';
import { endingOf } from '../holds/hold-fields.js';
import { given } from '../http/given.js';
import type { Principal } from '../identity/principal.js';
import { findTransferToReverse } from '../reversals/find-transfer-to-reverse.js';
import { reversalOf } from '../reversals/reversal-fields.js';
import type { Asker } from '../transfers/recipient-look-ups.js';
import { findParties, type Parties, resolvePostTransfer } from '../transfers/resolve-post-transfer.js';
import type { VisibleSides } from '../transfers/transfer-json.js';
import type { TransferServices } from '../transfers/transfer-services.js';
import type { LinkedLegJson } from './linked-leg.js';
import { refusalOf } from './post-batch.js';

/** A leg that its caller may ask for, in the ledger's words. */
export interface ResolvedLeg {
  readonly leg: LinkedLeg;
  readonly visible: VisibleSides;
}

type PaymentLeg = Extract<LinkedLegJson, { from: string }>;
type Ask = { readonly services: TransferServices; readonly principal: Principal; readonly parties: Parties };

/**
 * Each leg in the ledger's words. Everybody may do with a leg what they may do with the route for it alone.
 *
 * @throws {ProblemError} the refusal of the first leg that its caller may not ask for
 */
export async function resolveLegs(
  services: TransferServices,
  asker: Asker,
  legs: readonly LinkedLegJson[],
): Promise<readonly ResolvedLeg[]> {
  const { principal } = asker;
  const parties = await findParties(services, asker, legs.filter(isPayment));
  const ask = { services, principal, parties };
  const resolved = await Promise.all(
    legs.map((leg) => resolveLeg(ask, leg).catch((error: unknown) => refusalOf(error, principal))),
  );
  return resolved.map(requireResolved);
}

function isPayment(leg: LinkedLegJson): leg is PaymentLeg {
  return 'from' in leg;
}

async function resolveLeg({ services, principal, parties }: Ask, leg: LinkedLegJson): Promise<ResolvedLeg> {
  switch (leg.kind) {
    case 'capture':
    case 'release': {
      const { hold, visible } = await findHoldToEnd(services, principal, leg.hold);
      return { leg: { kind: leg.kind, hold: hold.id, ...endingOf(principal, leg) }, visible };
    }
    case 'reversal': {
      const { transfer, visible } = await findTransferToReverse(services.ledger, principal, leg.transfer);
      const sides = { from: visible.to, to: visible.from };
      return { leg: { kind: 'reversal', transfer: transfer.id, ...reversalOf(principal, leg) }, visible: sides };
    }
    default:
      return resolvePayment(principal, leg, parties);
  }
}

function resolvePayment(principal: Principal, leg: PaymentLeg, parties: Parties): ResolvedLeg {
  const { post, visible } = resolvePostTransfer(principal, leg, parties);
  if (leg.kind !== 'hold') return { leg: post, visible };
  return { leg: { ...post, kind: 'hold', ...given({ expiresAt: leg.expiresAt }) }, visible };
}

function requireResolved(outcome: ResolvedLeg | Problem, index: number): ResolvedLeg {
  if ('leg' in outcome) return outcome;
  const { code, detail } = outcome;
  throw new ProblemError(code, detail, { errors: [{ path: `transfers.${index}`, message: detail }] });
}
