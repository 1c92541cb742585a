import type { BalanceAfter } from '../domain/transfer.js';
import { invariant } from '../errors.js';
import type { FactRow, LogRow, SideRow, TransferRow } from '../postgres/event-log.js';
import { EVENT_DATA, type EventData, isEventType, type LedgerEvent } from './catalogue.js';

/** The events that a row of the log stands for, in their order. A type's mapping never changes. */
export function toEvents(row: LogRow): readonly LedgerEvent[] {
  return row.kind === 'fact' ? [factEvent(row)] : transferEvents(row);
}

function factEvent(row: FactRow): LedgerEvent {
  const { id, type, subject, ledger, position, recordedAt: time, data } = row;
  // A fact that cannot be told must stop the reader: left out, it would be lost.
  invariant(isEventType(type), `stored events have a known type, and this is ${type}`);
  invariant(EVENT_DATA[type].safeParse(data).success, `event ${id} has the data of its type`);
  // As it was stored: a later release may have added members that this one does not know.
  return { id, type, subject, ledger, position, time, data } as LedgerEvent;
}

function transferEvents(row: TransferRow): readonly LedgerEvent[] {
  const { transfer, position, ledger, recordedAt: time } = row;
  const posted: EventData<'transfer.posted.v1'> = {
    transferId: transfer.id,
    groupId: transfer.groupId,
    from: transfer.from,
    fromAddress: row.from.address,
    to: transfer.to,
    toAddress: row.to.address,
    amount: String(transfer.amount),
    currency: transfer.currency,
    description: transfer.description,
    metadata: transfer.metadata,
    recordedAt: transfer.recordedAt.toISOString(),
    effectiveAt: transfer.effectiveAt.toISOString(),
  };
  const changed = (accountId: string, side: SideRow, after: BalanceAfter, isDebit: boolean): LedgerEvent => ({
    id: `${transfer.id}/balance.changed/${accountId}`,
    type: 'balance.changed.v1',
    subject: accountId,
    ledger,
    position,
    time,
    data: {
      accountId,
      address: side.address,
      currency: transfer.currency,
      sequence: String(after.version),
      posted: String(after.posted),
      pendingIn: String(after.pendingIn),
      pendingOut: String(after.pendingOut),
      available: side.minimum === null ? null : String(after.posted - after.pendingOut - side.minimum),
      change: String(isDebit === side.debitNormal ? transfer.amount : -transfer.amount),
      transferId: transfer.id,
    },
  });
  return [
    {
      id: `${transfer.id}/transfer.posted`,
      type: 'transfer.posted.v1',
      subject: transfer.id,
      ledger,
      position,
      time,
      data: posted,
    },
    changed(transfer.from, row.from, transfer.fromBalance, true),
    changed(transfer.to, row.to, transfer.toBalance, false),
  ];
}
