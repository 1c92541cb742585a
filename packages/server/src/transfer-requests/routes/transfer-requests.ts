import { LedgerError } from '@micropay/ledger-core';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, isId } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import { seesAll } from '../../identity/principal.js';
import { EXAMPLE_TRANSFER_REQUEST, TransferRequestSchema, transferRequestJson } from '../transfer-request-json.js';

const getTransferRequestEndpoint = {
  operationId: 'getTransferRequest',
  method: 'get',
  path: '/v1/transfer-requests/{id}',
  tag: 'Transfers',
  summary: 'Get the state of an asynchronous transfer',
  description:
    'The transfer was sent with `Prefer: respond-async`. Open to its sender and to operators. The state changes once, to `posted` or `refused`, and is then final.',
  access: 'either',
  scope: 'transfers:read',
  params: IdParams,
  answer: {
    status: 200,
    description: 'The request and its outcome',
    content: { schema: TransferRequestSchema, example: EXAMPLE_TRANSFER_REQUEST },
  },
  refusals: ['transfer_request_not_found'],
} as const satisfies Endpoint;

export const getTransferRequestRoute = route(
  getTransferRequestEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params }) => {
      if (!isId(params.id)) throw notFound();
      const request = await ledger.requests.get(params.id);
      if (!seesAll(principal) && request.requestedBy !== principal.id) throw notFound();
      return { body: transferRequestJson(request, principal) };
    },
);

function notFound(): LedgerError {
  return new LedgerError('transfer_request_not_found', 'there is no such request, or it is not yours');
}
