import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { DryRunField, EXAMPLE_IDS, IdParams, NextCursorField, PageQuery, pageOptions } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { type LedgerServices, route } from '../../http/route.js';
import { dryRunOf } from '../../transfers/dry-run.js';
import { findTransfer } from '../../transfers/find-transfer.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema, transferAnswer, transferJson } from '../../transfers/transfer-json.js';
import { findTransferToReverse } from '../find-transfer-to-reverse.js';
import { ReversalFields, reversalOf } from '../reversal-fields.js';

const ReverseTransferSchema = z
  .strictObject({
    ...ReversalFields,
    dryRun: DryRunField.optional(),
  })
  .openapi('ReverseTransfer');

const TransferPageSchema = z
  .object({ data: z.array(TransferSchema), nextCursor: NextCursorField })
  .openapi('TransferPage');

export const EXAMPLE_REVERSAL = {
  ...EXAMPLE_TRANSFER,
  kind: 'reversal',
  from: EXAMPLE_IDS.otherWallet,
  to: EXAMPLE_IDS.wallet,
  amount: '250',
  description: 'One dish was cold',
  originalId: EXAMPLE_IDS.transfer,
  fromBalance: '1000',
  toBalance: null,
} as const;

const reverseTransferEndpoint = {
  operationId: 'reverseTransfer',
  method: 'post',
  path: '/v1/transfers/{id}/reversals',
  tag: 'Transfers',
  summary: 'Reverse a transfer, in full or in part',
  description:
    'Reverses a transfer or a capture; open to its payee and to operators. Reversals never sum to more than was paid.',
  access: 'either',
  scope: 'transfers:write',
  params: IdParams,
  idempotencyKey: 'required',
  dryRun: true,
  body: { schema: ReverseTransferSchema, example: { amount: '250', reason: 'One dish was cold' }, optional: true },
  answer: {
    status: 201,
    description: 'The reversal, posted now or by an earlier request with this key',
    content: { schema: TransferSchema, example: EXAMPLE_REVERSAL },
  },
  refusals: [
    ...POSTING_REFUSALS,
    'transfer_not_found',
    'not_reversible',
    'effective_before_original',
    'reversal_exceeds_transfer',
    'forbidden',
  ],
} as const satisfies Endpoint;

const listReversalsEndpoint = {
  operationId: 'listReversals',
  method: 'get',
  path: '/v1/transfers/{id}/reversals',
  tag: 'Transfers',
  summary: 'List the reversals of a transfer, oldest first',
  description: 'Open to the owners of its two wallets and to operators.',
  access: 'either',
  scope: 'transfers:read',
  params: IdParams,
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of its reversals',
    content: { schema: TransferPageSchema, example: { data: [EXAMPLE_REVERSAL], nextCursor: null } },
  },
  refusals: ['transfer_not_found', 'invalid_cursor'],
} as const satisfies Endpoint;

export const reverseTransferRoute = route(
  reverseTransferEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body, idempotencyKey }) => {
      const asked = reversalOf(principal, body);
      const { transfer, visible } = await findTransferToReverse(ledger, principal, params.id);
      const reversal = await ledger.transfers.reverse(transfer.id, {
        ...asked,
        ...given({ dryRun: dryRunOf(body.dryRun, { to: visible.from }) }),
        idempotencyKey,
        scope: principal.id,
      });
      return transferAnswer(reversal, { from: visible.to, to: visible.from });
    },
);

export const listReversalsRoute = route(
  listReversalsEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, query }) => {
      const { transfer, visible } = await findTransfer(ledger, principal, params.id);
      const { data, nextCursor } = await ledger.transfers.reversals(transfer.id, pageOptions(query));
      // The other way round: a reversal takes the money from the payee.
      const sides = { from: visible.to, to: visible.from };
      return { body: { data: data.map((reversal) => transferJson(reversal, sides)), nextCursor } };
    },
);
