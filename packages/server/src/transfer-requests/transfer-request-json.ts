import { z } from '@hono/zod-openapi';
import {
  LEDGER_ERROR_CODES,
  LedgerError,
  type LedgerErrorCode,
  type StoredRefusal,
  type SubmittedTransferRequest,
  type TransferRequest,
} from '@micropay/ledger-core';
import { type Problem, ProblemSchema, problem } from '../errors/problem.js';
import type { Answer } from '../http/answer.js';
import { EXAMPLE_IDS, EXAMPLE_TIME, GivenReferenceField, IdField, MinorUnitsField, TimeField } from '../http/fields.js';
import { REPLAYED_HEADERS } from '../http/idempotency-key.js';
import { isoTime } from '../http/iso-time.js';
import { toProblem } from '../http/to-problem.js';
import type { Principal } from '../identity/principal.js';

export const TransferRequestSchema = z
  .object({
    id: IdField,
    state: z.enum(['requested', 'posted', 'refused']).openapi('TransferRequestState'),
    from: z.string(),
    to: z.string(),
    amount: MinorUnitsField,
    currency: z.string(),
    description: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    reference: GivenReferenceField,
    transferId: IdField.nullable().openapi({ description: 'The id of the transfer, once it is posted' }),
    refusal: z.union([ProblemSchema, z.null()]).openapi({
      description: 'The reason for a refusal, as the problem that a synchronous request would have returned',
    }),
    requestedAt: TimeField,
    settledAt: TimeField.nullable().openapi({ description: 'The time at which it was posted or refused' }),
  })
  .openapi('TransferRequest', { description: 'A transfer to be posted later, and its outcome' });

type TransferRequestJson = z.input<typeof TransferRequestSchema>;

export const EXAMPLE_TRANSFER_REQUEST: TransferRequestJson = {
  id: '0199a1d3-1e20-7a44-b7c1-9f2d4e6a8b10',
  state: 'requested',
  from: EXAMPLE_IDS.wallet,
  to: EXAMPLE_IDS.otherWallet,
  amount: '1250',
  currency: 'USD',
  description: 'Lunch',
  metadata: null,
  reference: null,
  transferId: null,
  refusal: null,
  requestedAt: EXAMPLE_TIME,
  settledAt: null,
};

export function transferRequestJson(request: TransferRequest, reader: Principal): TransferRequestJson {
  const { id, state, from, to, amount, currency, transferId, refusal, requestedAt, settledAt } = request;
  return {
    id,
    state,
    from,
    to,
    amount: String(amount),
    currency,
    description: request.description ?? null,
    metadata: request.metadata ?? null,
    reference: request.reference ?? null,
    transferId: state === 'posted' ? transferId : null,
    refusal: refusal === null ? null : refusalJson(refusal, reader),
    requestedAt: isoTime(requestedAt),
    settledAt: settledAt === null ? null : isoTime(settledAt),
  };
}

/** The 202 response to a transfer that is to be posted later; `location` reports its outcome. */
export function acceptedAnswer(request: SubmittedTransferRequest, reader: Principal): Answer<TransferRequestJson> {
  return {
    status: 202,
    body: transferRequestJson(request, reader),
    headers: {
      location: `/v1/transfer-requests/${request.id}`,
      'preference-applied': 'respond-async',
      ...(request.replayed ? REPLAYED_HEADERS : {}),
    },
  };
}

/** A later release may have stored a code that this release does not know. */
function refusalJson({ code, message, details }: StoredRefusal, reader: Principal): Problem {
  if (!LEDGER_ERROR_CODES.includes(code as LedgerErrorCode)) return problem('internal_error', `${code}: ${message}`);
  return toProblem(new LedgerError(code as LedgerErrorCode, message, details), reader).problem;
}
