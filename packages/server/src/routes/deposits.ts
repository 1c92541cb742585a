import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../http/endpoint.js';
import {
  AmountField,
  CurrencyField,
  DescriptionField,
  EXAMPLE_IDS,
  MetadataField,
  WalletIdField,
} from '../http/fields.js';
import { POSTING_REFUSALS } from '../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema } from '../transfers/transfer-json.js';

const CASH_FIELDS = {
  wallet: WalletIdField,
  amount: AmountField,
  currency: CurrencyField,
  description: DescriptionField.optional(),
  metadata: MetadataField.optional(),
};
const EXAMPLE_CASH = { wallet: EXAMPLE_IDS.wallet, amount: '5000', currency: 'USD' };
const EXAMPLE_WORLD_ID = '0199a1d2-4f00-7a01-8e3c-9c0d1f2a3b44';

export const createDepositEndpoint = {
  operationId: 'createDeposit',
  method: 'post',
  path: '/v1/deposits',
  tag: 'Operation',
  summary: 'Bring money into a wallet from outside',
  access: 'operator',
  idempotencyKey: 'required',
  body: { schema: z.strictObject(CASH_FIELDS).openapi('CreateDeposit'), example: EXAMPLE_CASH },
  answer: {
    status: 201,
    description: 'Posted, now or by an earlier request with this key',
    content: {
      schema: TransferSchema,
      example: {
        ...EXAMPLE_TRANSFER,
        from: EXAMPLE_WORLD_ID,
        to: EXAMPLE_IDS.wallet,
        amount: '5000',
        description: null,
        fromBalance: '5000',
        toBalance: '5000',
      },
    },
  },
  refusals: POSTING_REFUSALS,
} as const satisfies Endpoint;

export const createWithdrawalEndpoint = {
  operationId: 'createWithdrawal',
  method: 'post',
  path: '/v1/withdrawals',
  tag: 'Operation',
  summary: 'Take money out of a wallet to outside',
  access: 'operator',
  idempotencyKey: 'required',
  body: { schema: z.strictObject(CASH_FIELDS).openapi('CreateWithdrawal'), example: EXAMPLE_CASH },
  answer: {
    status: 201,
    description: 'Posted, now or by an earlier request with this key',
    content: {
      schema: TransferSchema,
      example: {
        ...EXAMPLE_TRANSFER,
        to: EXAMPLE_WORLD_ID,
        amount: '5000',
        description: null,
        fromBalance: '0',
        toBalance: '0',
      },
    },
  },
  refusals: POSTING_REFUSALS,
} as const satisfies Endpoint;
