import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { DryRunField, EXAMPLE_IDS, IdParams } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { route } from '../../http/route.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema, transferAnswer } from '../../transfers/transfer-json.js';
import { findHoldToEnd, type HoldServices } from '../find-hold.js';
import { CaptureFields, endingOf, ReleaseFields } from '../hold-fields.js';

const CaptureHoldSchema = z.strictObject({ ...CaptureFields, dryRun: DryRunField.optional() }).openapi('CaptureHold');

const ReleaseHoldSchema = z.strictObject({ ...ReleaseFields, dryRun: DryRunField.optional() }).openapi('ReleaseHold');

const EXAMPLE_CAPTURE = {
  ...EXAMPLE_TRANSFER,
  kind: 'capture',
  amount: '1500',
  description: null,
  originalId: EXAMPLE_IDS.hold,
  released: '500',
  fromBalance: null,
  toBalance: '1500',
} as const;

const captureHoldEndpoint = {
  operationId: 'captureHold',
  method: 'post',
  path: '/v1/holds/{id}/capture',
  tag: 'Holds',
  summary: 'Capture a hold, in full or in part',
  description:
    'Open to the payee of the hold and to operators. A hold may be captured in several parts until nothing is left.',
  access: 'either',
  scope: 'transfers:write',
  params: IdParams,
  idempotencyKey: 'required',
  dryRun: true,
  body: { schema: CaptureHoldSchema, example: { amount: '1500', final: true }, optional: true },
  answer: {
    status: 201,
    description: 'The capture, posted now or by an earlier request with this key',
    content: { schema: TransferSchema, example: EXAMPLE_CAPTURE },
  },
  refusals: [
    ...POSTING_REFUSALS,
    'hold_not_found',
    'hold_closed',
    'effective_before_original',
    'capture_exceeds_hold',
    'forbidden',
  ],
} as const satisfies Endpoint;

const releaseHoldEndpoint = {
  operationId: 'releaseHold',
  method: 'post',
  path: '/v1/holds/{id}/release',
  tag: 'Holds',
  summary: 'Release what is still held',
  description: 'Open to the payee of the hold and to operators. Works on frozen wallets too.',
  access: 'either',
  scope: 'transfers:write',
  params: IdParams,
  idempotencyKey: 'required',
  dryRun: true,
  body: { schema: ReleaseHoldSchema, example: { description: 'Out of stock' }, optional: true },
  answer: {
    status: 201,
    description: 'The release, posted now or by an earlier request with this key',
    content: {
      schema: TransferSchema,
      example: { ...EXAMPLE_CAPTURE, kind: 'release', amount: '2000', released: '0', toBalance: '0' },
    },
  },
  refusals: [...POSTING_REFUSALS, 'hold_not_found', 'hold_closed', 'forbidden'],
} as const satisfies Endpoint;

export const captureHoldRoute = route(
  captureHoldEndpoint,
  (services: HoldServices) =>
    async ({ principal, params, body, idempotencyKey }) => {
      const { hold, visible } = await findHoldToEnd(services, principal, params.id);
      const capture = await services.ledger.holds.capture(hold.id, {
        ...endingOf(principal, body),
        ...given({ dryRun: body.dryRun }),
        idempotencyKey,
        scope: principal.id,
      });
      return transferAnswer(capture, visible);
    },
);

export const releaseHoldRoute = route(
  releaseHoldEndpoint,
  (services: HoldServices) =>
    async ({ principal, params, body, idempotencyKey }) => {
      const { hold, visible } = await findHoldToEnd(services, principal, params.id);
      const release = await services.ledger.holds.release(hold.id, {
        ...endingOf(principal, body),
        ...given({ dryRun: body.dryRun }),
        idempotencyKey,
        scope: principal.id,
      });
      return transferAnswer(release, visible);
    },
);
