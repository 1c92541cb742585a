import { LedgerError, LINKED_LEGS_MAX } from '@micropay/ledger-core';
import { given } from '../http/given.js';
import { REPLAYED_HEADERS } from '../http/idempotency-key.js';
import { dryRunOf } from '../transfers/dry-run.js';
import type { Asker } from '../transfers/recipient-look-ups.js';
import type { TransferServices } from '../transfers/transfer-services.js';
import type { LinkedLegJson } from './linked-leg.js';
import { type BatchAnswer, resultJson } from './post-batch.js';
import { resolveLegs } from './resolve-legs.js';

/** Posts all legs or none, in order, under one key. */
export async function postLinked(
  services: TransferServices,
  asker: Asker,
  legs: readonly LinkedLegJson[],
  { idempotencyKey, dryRun }: { readonly idempotencyKey: string; readonly dryRun: boolean | undefined },
): Promise<BatchAnswer> {
  const { principal } = asker;
  // Said before each leg is looked up.
  if (legs.length > LINKED_LEGS_MAX) {
    throw new LedgerError('too_many_legs', `a linked group has at most ${LINKED_LEGS_MAX} transfers`);
  }
  const resolved = await resolveLegs(services, asker, legs);
  const posted = await services.ledger.transfers.postLinked(
    resolved.map(({ leg }) => leg),
    {
      ...given({ dryRun: dryRunOf(dryRun, { to: resolved.every(({ visible }) => visible.to) }) }),
      idempotencyKey,
      scope: principal.id,
    },
  );
  const results = resolved.map(({ visible }, index) =>
    resultJson({ ok: true, transfer: posted[index] as (typeof posted)[number] }, visible, principal),
  );
  return { body: { results }, ...(posted[0]?.replayed === true ? { headers: REPLAYED_HEADERS } : {}) };
}
