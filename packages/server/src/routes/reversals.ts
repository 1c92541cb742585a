import { z } from '@hono/zod-openapi';
import { type Metadata, parseAmount } from '@micropay/ledger-core';
import { auditOf } from '../auth/audit.js';
import type { Principal } from '../auth/principal.js';
import type { Endpoint } from '../http/endpoint.js';
import {
  AmountField,
  DryRunField,
  EXAMPLE_IDS,
  IdParams,
  MetadataField,
  NextCursorField,
  PageQuery,
  pageOptions,
  ReasonField,
} from '../http/fields.js';
import { given } from '../http/given.js';
import { ProblemError } from '../http/problem.js';
import { route } from '../http/route.js';
import { findTransfer } from '../transfers/find-transfer.js';
import { findTransferToReverse } from '../transfers/find-transfer-to-reverse.js';
import { POSTING_REFUSALS } from '../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema, transferAnswer, transferJson } from '../transfers/transfer-json.js';

export const ReversalFields = {
  amount: AmountField.optional().openapi({
    description: 'At most what is left of the transfer; all of that when left out',
  }),
  reason: ReasonField.optional().openapi({ description: 'Kept as the description: put no personal data here' }),
  metadata: MetadataField.optional(),
};

const ReverseTransferSchema = z
  .strictObject({
    ...ReversalFields,
    allowOverdraft: z
      .boolean()
      .optional()
      .openapi({ description: 'For operators: when the money is no longer there, lower the minimum of the account' }),
    dryRun: DryRunField.optional(),
  })
  .openapi('ReverseTransfer');

const TransferPageSchema = z
  .object({ data: z.array(TransferSchema), nextCursor: NextCursorField })
  .openapi('TransferPage');

const EXAMPLE_REVERSAL = {
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
  summary: 'Give a payment back, all of it or a part',
  description:
    'For its payee and operators. Of a transfer or a capture; however often it is asked for, no more goes back than was paid.',
  access: 'either',
  params: IdParams,
  idempotencyKey: 'required',
  dryRun: true,
  body: { schema: ReverseTransferSchema, example: { amount: '250', reason: 'One dish was cold' }, optional: true },
  answer: {
    status: 201,
    description: 'The reversal, posted now or by an earlier request with this key',
    content: { schema: TransferSchema, example: EXAMPLE_REVERSAL },
  },
  refusals: [...POSTING_REFUSALS, 'transfer_not_found', 'not_reversible', 'reversal_exceeds_transfer', 'forbidden'],
} as const satisfies Endpoint;

const listReversalsEndpoint = {
  operationId: 'listReversals',
  method: 'get',
  path: '/v1/transfers/{id}/reversals',
  tag: 'Transfers',
  summary: 'What has gone back of a transfer, oldest first',
  description: 'For the owners of its two wallets and for operators.',
  access: 'either',
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
  ({ ledger }) =>
    async ({ principal, params, body, idempotencyKey }) => {
      const { amount, reason, metadata, allowOverdraft, dryRun } = body;
      if (allowOverdraft === true) requireOperator(principal);
      const { transfer, visible } = await findTransferToReverse(ledger, principal, params.id);
      const reversal = await ledger.transfers.reverse(transfer.id, {
        ...given({
          amount: amount === undefined ? undefined : parseAmount(amount),
          description: reason,
          metadata: metadata as Metadata | undefined,
          allowOverdraft: allowOverdraft === true ? auditOf(principal, reason) : undefined,
          dryRun,
        }),
        idempotencyKey,
        scope: principal.id,
      });
      return transferAnswer(reversal, { from: visible.to, to: visible.from });
    },
);

export const listReversalsRoute = route(listReversalsEndpoint, ({ ledger }) => async ({ principal, params, query }) => {
  const { transfer, visible } = await findTransfer(ledger, principal, params.id);
  const { data, nextCursor } = await ledger.transfers.reversals(transfer.id, pageOptions(query));
  // The other way round: what the payee was paid goes back from them.
  const sides = { from: visible.to, to: visible.from };
  return { body: { data: data.map((reversal) => transferJson(reversal, sides)), nextCursor } };
});

function requireOperator({ kind }: Principal): void {
  if (kind === 'operator') return;
  throw new ProblemError('forbidden', 'allowOverdraft is for operators');
}
