import { sql } from 'kysely';
import type { Database } from '../database/connect.js';
import type { Place } from '../http/page.js';

/** Of entries that have all of these. */
export interface AuditFilter {
  readonly principal?: string | undefined;
  readonly operation?: string | undefined;
  readonly subject?: string | undefined;
  /** From this instant on. */
  readonly from?: Date | undefined;
  /** Until before this instant. */
  readonly to?: Date | undefined;
}

export interface AuditEntry {
  readonly id: string;
  readonly createdAt: Date;
  readonly principal: string;
  readonly operation: string;
  readonly subject: string | null;
  readonly reason: string | null;
  readonly clientAddress: string | null;
  readonly requestId: string | null;
  /** `begun` until the outcome is stored, and for ever if the process died before that: the act may have happened. */
  readonly outcome: 'begun' | 'done' | 'refused' | 'failed';
  readonly code: string | null;
  readonly result: string | null;
}

/** Entries of a ledger, the newest first, after the place that is given. */
export function readAuditLog(
  database: Database,
  ledger: string,
  {
    filter,
    after,
    limit,
  }: { readonly filter: AuditFilter; readonly after?: Place | undefined; readonly limit: number },
): Promise<readonly AuditEntry[]> {
  let query = database
    .selectFrom('audit_log')
    .leftJoin('audit_outcomes', (join) =>
      join.onRef('audit_outcomes.ledger', '=', 'audit_log.ledger').onRef('audit_outcomes.id', '=', 'audit_log.id'),
    )
    .select([
      'audit_log.id',
      'audit_log.created_at as createdAt',
      'principal',
      'operation',
      'subject',
      'reason',
      'client_address as clientAddress',
      'request_id as requestId',
      sql<AuditEntry['outcome']>`coalesce(audit_log.outcome, audit_outcomes.outcome, 'begun')`.as('outcome'),
      sql<string | null>`coalesce(audit_log.code, audit_outcomes.code)`.as('code'),
      'result',
    ])
    .where('audit_log.ledger', '=', ledger)
    .orderBy('audit_log.created_at', 'desc')
    .orderBy('audit_log.id', 'desc')
    .limit(limit);
  const { principal, operation, subject, from, to } = filter;
  if (principal !== undefined) query = query.where('principal', '=', principal);
  if (operation !== undefined) query = query.where('operation', '=', operation);
  if (subject !== undefined) query = query.where('subject', '=', subject);
  if (from !== undefined) query = query.where('audit_log.created_at', '>=', from);
  if (to !== undefined) query = query.where('audit_log.created_at', '<', to);
  if (after !== undefined) {
    query = query.where(
      sql<boolean>`(audit_log.created_at, audit_log.id) < (${after.at}::timestamptz, ${after.id}::uuid)`,
    );
  }
  return query.execute();
}
