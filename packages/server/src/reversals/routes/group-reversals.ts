import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { DryRunField, EXAMPLE_IDS, IdParams } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { REPLAYED_HEADERS } from '../../http/idempotency-key.js';
import { type LedgerServices, route } from '../../http/route.js';
import { dryRunOf } from '../../transfers/dry-run.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import { TransferSchema, transferJson } from '../../transfers/transfer-json.js';
import { findLinkedToReverse } from '../find-transfer-to-reverse.js';
import { GroupReversalFields, reversalOf } from '../reversal-fields.js';
import { EXAMPLE_REVERSAL } from './reversals.js';

const ReverseLinkedSchema = z
  .strictObject({ ...GroupReversalFields, dryRun: DryRunField.optional() })
  .openapi('ReverseLinked');

const ReversalsSchema = z
  .object({ data: z.array(TransferSchema).openapi({ description: 'One reversal per leg, the last leg first' }) })
  .openapi('Reversals');

const reverseLinkedEndpoint = {
  operationId: 'reverseLinked',
  method: 'post',
  path: '/v1/transfers/groups/{id}/reversals',
  tag: 'Transfers',
  summary: 'Reverse linked transfers, all or none',
  description:
    'The id is the `groupId` of the transfers. Open to the payee of all of them and to operators. Reverses what is left of ' +
    'each transfer and capture. Refused if one of them has already been reversed in full: then reverse the others one by ' +
    'one. Holds in the group are not changed.',
  access: 'either',
  scope: 'transfers:write',
  params: IdParams,
  idempotencyKey: 'required',
  dryRun: true,
  body: { schema: ReverseLinkedSchema, example: { reason: 'The order was cancelled' }, optional: true },
  answer: {
    status: 201,
    description: 'The reversals, posted now or by an earlier request with this key',
    content: {
      schema: ReversalsSchema,
      example: { data: [{ ...EXAMPLE_REVERSAL, groupId: EXAMPLE_REVERSAL.id, originalId: EXAMPLE_IDS.hold }] },
    },
  },
  refusals: [
    ...POSTING_REFUSALS,
    'transfer_not_found',
    'effective_before_original',
    'reversal_exceeds_transfer',
    'forbidden',
  ],
} as const satisfies Endpoint;

export const reverseLinkedRoute = route(
  reverseLinkedEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body, idempotencyKey }) => {
      const asked = reversalOf(principal, body);
      const legs = await findLinkedToReverse(ledger, principal, params.id);
      const reversals = await ledger.transfers.reverseLinked(params.id, {
        ...asked,
        ...given({ dryRun: dryRunOf(body.dryRun, { to: [...legs.values()].every(({ from }) => from) }) }),
        idempotencyKey,
        scope: principal.id,
      });
      const data = reversals.map((reversal) => {
        const paid = legs.get(reversal.originalId ?? '');
        return transferJson(reversal, { from: paid?.to === true, to: paid?.from === true });
      });
      return { body: { data }, ...(reversals[0]?.replayed === true ? { headers: REPLAYED_HEADERS } : {}) };
    },
);
