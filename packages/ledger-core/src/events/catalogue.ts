import { z } from 'zod';
import { ACCOUNT_STATUSES, ACCOUNT_TYPES } from '../domain/accounts/account.js';
import type { Metadata } from '../domain/input/metadata.js';

const id = z.guid().meta({ description: 'UUID in lower case' });
const units = z
  .string()
  .regex(/^-?[0-9]{1,38}$/)
  .meta({ description: 'whole minor units' });
/** A balance and what may be overdrawn, together. */
const available = z
  .string()
  .regex(/^-?[0-9]{1,39}$/)
  .meta({ description: 'whole minor units' });
const amount = z
  .string()
  .regex(/^[1-9][0-9]{0,37}$/)
  .meta({ description: 'whole minor units, positive' });
const currency = z.string().meta({ examples: ['USD'] });
const instant = z.iso.datetime().meta({ description: 'RFC 3339 in UTC, milliseconds' });
const address = z.string().meta({ examples: ['users:42:usd'] });
const account = z.string().meta({ description: 'id or address of an account, as the caller named it' });
const reference = z.string().nullable().meta({ description: "the caller's own name of it; null for none" });
const status = z.enum(ACCOUNT_STATUSES);

const audit = {
  by: z.string().optional().meta({ description: 'who did it' }),
  reason: z.string().optional().meta({ description: 'why' }),
};
const statusChange = { address, from: status, to: status, ...audit };
const minimum = units.nullable().meta({ description: 'lowest balance allowed; null for none' });
const maximum = units.nullable().meta({ description: 'highest balance allowed; null for none' });

/** The two accounts of a movement, and what its caller said of it. */
const movement = {
  groupId: id.nullable().meta({ description: 'shared by linked transfers; null for a single transfer' }),
  from: id.meta({ description: 'account that is debited' }),
  fromAddress: address,
  to: id.meta({ description: 'account that is credited' }),
  toAddress: address,
  amount,
  currency,
  description: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable().meta({ description: "the caller's own, any JSON" }),
  reference,
  recordedAt: instant,
};
const transferId = id.meta({ description: 'id of the journal row' });
const holdId = id.meta({ description: 'id of the hold' });

/**
 * Every type of event that the ledger itself writes, and the shape of its data: the one source of the TypeScript types, the JSON Schemas
 * and the AsyncAPI document. A type carries its version, and its shape only ever gains optional members.
 */
export const EVENT_DATA = {
  'account.opened.v1': z
    .object({
      address,
      type: z.enum(ACCOUNT_TYPES),
      currency,
      minimum,
      maximum,
    })
    .meta({ description: 'An account was opened, with balance zero.' }),
  'account.frozen.v1': z
    .object(statusChange)
    .meta({ description: 'An account was frozen: it refuses new transfers on one side or both.' }),
  'account.unfrozen.v1': z.object(statusChange).meta({ description: 'A frozen account was unfrozen.' }),
  'account.closed.v1': z
    .object(statusChange)
    .meta({ description: 'An account with balance zero was closed permanently.' }),
  'account.limits_changed.v1': z
    .object({
      address,
      minimum,
      maximum,
      minimumBefore: minimum,
      maximumBefore: maximum,
      transferId: id
        .optional()
        .meta({ description: 'the reversal that lowered the minimum; left out when limits were set' }),
      ...audit,
    })
    .meta({ description: 'The limits of an account changed.' }),
  'transfer.posted.v1': z
    .object({ transferId: id, ...movement, effectiveAt: instant })
    .meta({ description: 'Money moved from one account to another.' }),
  'transfer.reversed.v1': z
    .object({
      transferId,
      originalId: id.meta({ description: 'the transfer that it reverses, in full or in part' }),
      ...movement,
      effectiveAt: instant,
    })
    .meta({
      description:
        'A transfer was reversed, in full or in part; from and to are those of the reversal, not of the original.',
    }),
  'hold.placed.v1': z
    .object({ holdId: id, ...movement, expiresAt: instant.nullable().meta({ description: 'null for never' }) })
    .meta({ description: 'Money was set aside: pending on both accounts.' }),
  'hold.captured.v1': z
    .object({
      transferId,
      holdId,
      ...movement,
      released: units.meta({ description: 'the rest of the hold that a final capture released to the payer' }),
      effectiveAt: instant,
    })
    .meta({ description: 'A hold was captured: held money moved from one account to another.' }),
  'hold.released.v1': z
    .object({ transferId, holdId, ...movement })
    .meta({ description: 'A hold was released: what was still held is available to the payer again.' }),
  'hold.expired.v1': z
    .object({ transferId, holdId, ...movement })
    .meta({ description: 'A hold expired: what was still held is available to the payer again.' }),
  'transfer.requested.v1': z
    .object({
      requestId: id,
      transferId: id.meta({ description: 'the id that the transfer will have once it is posted' }),
      from: account,
      to: account,
      amount,
      currency,
      description: z.string().nullable(),
      metadata: z.record(z.string(), z.unknown()).nullable().meta({ description: "the caller's own, any JSON" }),
      reference,
      requestedBy: z.string().nullable().meta({ description: 'id of the requester' }),
    })
    .meta({ description: 'A transfer was requested, to be posted or refused later.' }),
  'transfer.refused.v1': z
    .object({
      requestId: id,
      transferId: id.meta({ description: 'the id announced in transfer.requested.v1; there is no such transfer' }),
      code: z.string().meta({ description: 'a code of the error reference', examples: ['insufficient_funds'] }),
      message: z.string().meta({ description: 'for people; its wording may change' }),
      details: z
        .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
        .meta({ description: 'ids and limits, for programs' }),
    })
    .meta({
      description:
        'A transfer request was finally refused. (For a request that was posted, transfer.posted.v1 is written.)',
    }),
  'transfer.request_replayed.v1': z
    .object({
      requestId: id,
      transferId: id.meta({ description: 'the id announced in transfer.requested.v1; there is no such transfer' }),
      postedTransferId: id.meta({ description: 'the transfer that was posted with the key' }),
    })
    .meta({ description: 'A call with the same idempotency key had already posted the transfer of a request.' }),
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
      available: available.nullable().meta({
        description:
          'what can be spent after it. A hold counts until the event of its end, even if its time is over; null when the account has no minimum',
      }),
      change: units.meta({ description: 'what it added to the posted balance; 0 when only pending amounts changed' }),
      transferId: id,
    })
    .meta({ description: "A transfer, a hold or the end of a hold changed an account's balance." }),
} as const;

export type EventType = keyof typeof EVENT_DATA;
export type EventData<Type extends EventType> = z.infer<(typeof EVENT_DATA)[Type]>;

interface EventBase<Type extends string, Data> {
  /** Made of what the event is about, never of its position: the same in every delivery. */
  readonly id: string;
  readonly type: Type;
  /** The transfer, the account or, for a domain event, whatever it is about. */
  readonly subject: string;
  readonly ledger: string;
  readonly time: Date;
  /** Place in the one order over all ledgers; the events of one journal row share it. */
  readonly position: bigint;
  /** W3C trace context of the request that it comes from; left out if that was not sampled. */
  readonly traceparent?: string;
  readonly data: Data;
}

/** An event that the ledger itself writes. */
export type CatalogueEvent = { [Type in EventType]: EventBase<Type, EventData<Type>> }[EventType];

/** An event of the application, delivered as it was stored. */
export interface DomainEvent<Data = Metadata> extends EventBase<string, Data> {
  /** The Kafka topic after the prefix. */
  readonly topic: string;
}

/** One event of the log: an immutable record of something that happened. */
export type LedgerEvent = CatalogueEvent | DomainEvent;

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENT_DATA, type);
}
