import type { Insertable } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.js';
import type { Tables } from '../database/tables.js';
import type { Act } from '../identity/act.js';

/** Records an act in the database transaction that does it: both are there, or neither. */
export async function recordAct(transaction: Database, ledger: string, act: Act): Promise<void> {
  await transaction
    .insertInto('audit_log')
    .values(auditRow(ledger, act, { outcome: 'done' }))
    .execute();
}

export function auditRow(
  ledger: string,
  act: Act,
  { outcome, code }: { readonly outcome: 'done' | 'refused' | null; readonly code?: string },
): Insertable<Tables['audit_log']> & { readonly id: string } {
  return {
    ledger,
    id: uuidv7(),
    principal: act.principal,
    operation: act.operation,
    subject: act.subject ?? null,
    reason: act.reason ?? null,
    client_address: act.clientAddress ?? null,
    request_id: act.requestId ?? null,
    outcome,
    code: code ?? null,
  };
}
