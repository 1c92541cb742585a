import { z } from 'zod';
import { ACCOUNT_STATUSES, ACCOUNT_TYPES } from '../domain/account.js';

const id = z.uuid().meta({ description: 'UUID in lower case' });
const units = z
  .string()
  .regex(/^-?[0-9]{1,38}$/)
  .meta({ description: 'whole minor units' });
const amount = z
  .string()
  .regex(/^[1-9][0-9]{0,37}$/)
  .meta({ description: 'whole minor units, positive' });
const currency = z.string().meta({ examples: ['USD'] });
const instant = z.iso.datetime().meta({ description: 'RFC 3339 in UTC, milliseconds' });
const address = z.string().meta({ examples: ['users:42:usd'] });
const status = z.enum(ACCOUNT_STATUSES);

const statusChange = { address, from: status, to: status };

/**
 * Every type of event and the shape of its data: the one source of the TypeScript types, the JSON Schemas
 * and the AsyncAPI document. A type carries its version, and its shape only ever gains optional members.
 */
export const EVENT_DATA = {
  'user.created.v1': z.object({ userId: id }).meta({ description: 'A user was created.' }),
  'account.opened.v1': z
    .object({
      address,
      type: z.enum(ACCOUNT_TYPES),
      currency,
      minimum: units.nullable().meta({ description: 'least balance allowed; null for none' }),
      maximum: units.nullable().meta({ description: 'largest balance allowed; null for none' }),
    })
    .meta({ description: 'An account was opened, with balance zero.' }),
  'account.frozen.v1': z
    .object(statusChange)
    .meta({ description: 'An account refuses new transfers on one side or both.' }),
  'account.unfrozen.v1': z.object(statusChange).meta({ description: 'A frozen account is open again.' }),
  'transfer.posted.v1': z
    .object({
      transferId: id,
      groupId: id.nullable().meta({ description: 'shared by linked transfers; null when it stands alone' }),
      from: id.meta({ description: 'account that is debited' }),
      fromAddress: address,
      to: id.meta({ description: 'account that is credited' }),
      toAddress: address,
      amount,
      currency,
      description: z.string().nullable(),
      metadata: z.record(z.string(), z.unknown()).nullable().meta({ description: "the caller's own, any JSON" }),
      recordedAt: instant,
      effectiveAt: instant,
    })
    .meta({ description: 'Money moved from one account to another.' }),
  'balance.changed.v1': z
    .object({
      accountId: id,
      address,
      currency,
      sequence: z
        .string()
        .regex(/^[0-9]+$/)
        .meta({ description: "the account's version: 1, 2, 3 … without a gap, so that loss and repeats show" }),
      posted: units.meta({ description: 'the settled balance after it, positive on the normal side' }),
      pendingIn: units,
      pendingOut: units,
      available: units.nullable().meta({ description: 'what can be spent; null when the account has no minimum' }),
      change: units.meta({ description: 'what the transfer added to the posted balance' }),
      transferId: id,
    })
    .meta({ description: "A transfer changed an account's balance." }),
} as const;

export type EventType = keyof typeof EVENT_DATA;
export type EventData<Type extends EventType> = z.infer<(typeof EVENT_DATA)[Type]>;

/** One event of the ledger: an immutable fact. */
export type LedgerEvent = {
  [Type in EventType]: {
    /** Made of what the event is about, never of its position: the same in every delivery. */
    readonly id: string;
    readonly type: Type;
    /** The transfer or the account that it is about. */
    readonly subject: string;
    readonly ledger: string;
    readonly time: Date;
    /** Place in the one order over all ledgers; the events of one journal row share it. */
    readonly position: bigint;
    readonly data: EventData<Type>;
  };
}[EventType];

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENT_DATA, type);
}
