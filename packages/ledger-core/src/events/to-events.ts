import { result } from '../domain/json/result.js';
import type { BalanceAfter, Transfer } from '../domain/transfers/transfer.js';
import { invariant } from '../errors.js';
import { type DomainEventRow, type LogRow, type SideRow, type TransferRow, unreadable } from '../postgres/event-log.js';
import {
  type DomainEvent,
  EVENT_DATA,
  type EventData,
  type EventType,
  isEventType,
  type LedgerEvent,
} from './catalogue.js';

/**
 * The events that a row of the log stands for, in their order. A type's mapping never changes.
 *
 * @throws {LedgerError} `event_unreadable`
 */
export function toEvents(row: LogRow): readonly LedgerEvent[] {
  return row.kind === 'domain' ? [domainEvent(row)] : transferEvents(row);
}

function domainEvent(row: DomainEventRow): LedgerEvent {
  const { id, type, topic, subject, ledger, position, recordedAt: time, data } = row;
  const traced = tracedBy(row);
  // The application checked it when it was written, and other processes need not know its type.
  if (topic !== null)
    return result({ id, type, topic, subject, ledger, position, time, ...traced, data } as DomainEvent);
  if (!isEventType(type)) throw unreadable(row, `event ${id} has the type ${type}, which is not known here`);
  if (!EVENT_DATA[type].safeParse(data).success)
    throw unreadable(row, `event ${id} does not have the data of its type`);
  // Passed on as stored: a later release may have added members that this one does not know.
  return result({ id, type, subject, ledger, position, time, ...traced, data } as LedgerEvent);
}

const UNTRACED = {};

function tracedBy({ traceparent }: LogRow): { readonly traceparent?: string } {
  return traceparent === null ? UNTRACED : { traceparent };
}

/** The event of the transfer itself, and the balance changes of both sides. */
function transferEvents(row: TransferRow): readonly LedgerEvent[] {
  const { from, fromBalance, to, toBalance } = row.transfer;
  return [
    happened(row),
    balanceChanged(row, from, row.from, fromBalance, true),
    balanceChanged(row, to, row.to, toBalance, false),
  ];
}

function happened(row: TransferRow): LedgerEvent {
  const { transfer } = row;
  const { id, originalId } = transfer;
  const moved = movementOf(row);
  const effectiveAt = transfer.effectiveAt.toISOString();
  switch (transfer.kind) {
    case 'transfer':
      return eventOf(row, 'transfer.posted.v1', id, { transferId: id, ...moved, effectiveAt });
    case 'reversal':
      return eventOf(row, 'transfer.reversed.v1', id, {
        transferId: id,
        originalId: known(originalId),
        ...moved,
        effectiveAt,
      });
    case 'hold': {
      const expiresAt = transfer.expiresAt?.toISOString() ?? null;
      return eventOf(row, 'hold.placed.v1', id, { holdId: id, ...moved, expiresAt });
    }
    case 'capture': {
      const holdId = known(originalId);
      const released = String(transfer.released);
      return eventOf(row, 'hold.captured.v1', holdId, { transferId: id, holdId, ...moved, released, effectiveAt });
    }
    case 'release':
    case 'expiry': {
      const holdId = known(originalId);
      const type = transfer.kind === 'release' ? 'hold.released.v1' : 'hold.expired.v1';
      return eventOf(row, type, holdId, { transferId: id, holdId, ...moved });
    }
  }
}

function known(originalId: Transfer['originalId']): string {
  invariant(originalId !== null, 'what continues a transfer names it');
  return originalId;
}

function movementOf({ transfer, from, to }: TransferRow) {
  return {
    groupId: transfer.groupId,
    from: transfer.from,
    fromAddress: from.address,
    to: transfer.to,
    toAddress: to.address,
    amount: String(transfer.amount),
    currency: transfer.currency,
    description: transfer.description,
    metadata: transfer.metadata,
    reference: transfer.reference,
    recordedAt: transfer.recordedAt.toISOString(),
  };
}

/** Every row has one event of its own; all that is said of one hold has the hold as its subject, hence its order. */
function eventOf<Type extends EventType>(
  row: TransferRow,
  type: Type,
  subject: string,
  data: EventData<Type>,
): LedgerEvent {
  const { transfer, ledger, position, recordedAt: time } = row;
  const id = `${transfer.id}/${type.slice(0, type.lastIndexOf('.'))}`;
  return result({ id, type, subject, ledger, position, time, ...tracedBy(row), data } as LedgerEvent);
}

function balanceChanged(
  row: TransferRow,
  accountId: string,
  side: SideRow,
  after: BalanceAfter,
  isDebit: boolean,
): LedgerEvent {
  const { transfer, ledger, position, recordedAt: time } = row;
  const moved = POSTING.has(transfer.kind) ? transfer.amount : 0n;
  return result({
    id: `${transfer.id}/balance.changed/${accountId}`,
    type: 'balance.changed.v1',
    subject: accountId,
    ledger,
    position,
    time,
    ...tracedBy(row),
    data: {
      accountId,
      address: side.address,
      currency: transfer.currency,
      sequence: String(after.version),
      posted: String(after.posted),
      pendingIn: String(after.pendingIn),
      pendingOut: String(after.pendingOut),
      available: side.minimum === null ? null : String(after.posted - after.pendingOut - side.minimum),
      change: String(isDebit === side.debitNormal ? moved : -moved),
      transferId: transfer.id,
    },
  });
}

/** Kinds that change the posted balance. */
const POSTING: ReadonlySet<Transfer['kind']> = new Set<Transfer['kind']>(['transfer', 'capture', 'reversal']);
