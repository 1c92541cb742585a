import { z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES, ACCOUNT_TYPES, type Account } from '@micropay/ledger-core';
import {
  CurrencyField,
  EXAMPLE_IDS,
  EXAMPLE_TIME,
  IdField,
  MetadataField,
  MinorUnitsField,
  TimeField,
} from '../http/fields.js';

export const AccountTypeField = z.enum(ACCOUNT_TYPES).openapi('AccountType');

/** A limit is a balance: it may be negative. */
export function limitField(pattern: string, rule: string) {
  return z
    .string()
    .regex(new RegExp(`^${pattern}$`), rule)
    .nullable()
    .openapi({ description: 'Whole minor units as a string; null for none', example: '0' });
}

export const LimitField = limitField(
  '(?:0|-?[1-9][0-9]{0,37})',
  'must be a whole number of minor units, at most 38 digits, as a string',
);

/** The instant of a past balance. */
export const AtField = TimeField.optional().openapi({
  description: 'The instant of the balance and the pending amounts, if the request named one',
});

export const AccountSchema = z
  .object({
    id: IdField,
    address: z.string().openapi({ description: 'The account’s unique path in the ledger' }),
    type: AccountTypeField,
    currency: CurrencyField,
    status: z.enum(ACCOUNT_STATUSES).openapi('AccountStatus'),
    minimum: LimitField,
    maximum: LimitField,
    posted: MinorUnitsField.openapi({
      description: 'The settled balance, positive on the normal side of the account’s type',
    }),
    pendingIn: MinorUnitsField,
    pendingOut: MinorUnitsField,
    available: MinorUnitsField.nullable().openapi({ description: 'What can be spent now; null without a minimum' }),
    version: z.string().openapi({ description: 'How many times the balance has changed' }),
    metadata: MetadataField,
    openedAt: TimeField,
    at: AtField,
  })
  .openapi('Account');

export const EXAMPLE_ACCOUNT: z.input<typeof AccountSchema> = {
  id: EXAMPLE_IDS.wallet,
  address: 'fees:card:usd',
  type: 'income',
  currency: 'USD',
  status: 'open',
  minimum: '0',
  maximum: null,
  posted: '290',
  pendingIn: '0',
  pendingOut: '0',
  available: '290',
  version: '3',
  metadata: {},
  openedAt: EXAMPLE_TIME,
};

export function accountJson(account: Account): z.input<typeof AccountSchema> {
  const { id, address, type, currency, status, metadata } = account;
  return {
    id,
    address,
    type,
    currency,
    status,
    minimum: textOrNull(account.minimum),
    maximum: textOrNull(account.maximum),
    posted: String(account.posted),
    pendingIn: String(account.pendingIn),
    pendingOut: String(account.pendingOut),
    available: textOrNull(account.available),
    version: String(account.version),
    metadata: { ...metadata },
    openedAt: account.openedAt.toISOString(),
  };
}

function textOrNull(amount: bigint | null): string | null {
  return amount === null ? null : String(amount);
}

/** The limits that a request names; one that it leaves out stays out. */
export function limitsOf({
  minimum,
  maximum,
}: {
  minimum?: string | null | undefined;
  maximum?: string | null | undefined;
}) {
  return {
    ...(minimum === undefined ? {} : { minimum: minimum === null ? null : BigInt(minimum) }),
    ...(maximum === undefined ? {} : { maximum: maximum === null ? null : BigInt(maximum) }),
  };
}
