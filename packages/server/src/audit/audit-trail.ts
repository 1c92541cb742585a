import type { Insertable } from 'kysely';
import type { Database } from '../database/connect.js';
import type { Tables } from '../database/tables.js';
import { ProblemError } from '../errors/problem.js';
import type { AuditTrail, Refused } from '../http/audit-trail.js';
import { auditRow } from './record-act.js';
import { createRefusedAttempts } from './refused-attempts.js';
import { writeTogether } from './write-together.js';

/** A row has ten values, and a statement takes 65,535. */
const ROWS_MAX = 1_000;
const WAITING_MAX = 20_000;
/** Apart, so that users, of whom anybody may register many, hide no attempt of a stolen key, and fill the table slowly. */
const REFUSED_PER_MINUTE: Readonly<Record<Refused, number>> = { key: 60, support: 60, user: 10 };

const LIMITS = {
  rowsMax: ROWS_MAX,
  waitingMax: WAITING_MAX,
  full: () => new ProblemError('overloaded', 'too many acts wait to be recorded: try again later'),
};

interface FaultLog {
  error(details: object, message: string): void;
}

/** The audit trail of a ledger, for acts that are not done in a transaction of the server's own. */
export function createAuditTrail(database: Database, ledger: string, log: FaultLog): AuditTrail {
  const store = writeTogether<Insertable<Tables['audit_log']>>({
    ...LIMITS,
    write: (rows) => database.insertInto('audit_log').values(rows).execute(),
  });
  const storeOutcome = writeTogether<Insertable<Tables['audit_outcomes']>>({
    ...LIMITS,
    write: (rows) => database.insertInto('audit_outcomes').values(rows).execute(),
  });
  const isToRecord = {
    key: createRefusedAttempts(REFUSED_PER_MINUTE.key),
    support: createRefusedAttempts(REFUSED_PER_MINUTE.support),
    user: createRefusedAttempts(REFUSED_PER_MINUTE.user),
  };

  return {
    async begin(act) {
      const row = auditRow(ledger, act, { outcome: null });
      await store(row);
      return row.id;
    },
    async end(id, { outcome, code = null, result = null }) {
      await storeOutcome({ ledger, id, outcome, code, result }).catch((err: unknown) =>
        log.error(
          { err, auditEntry: id, outcome },
          'the outcome of an act could not be recorded: its entry stays begun',
        ),
      );
    },
    async refuse(act, refused) {
      if (!isToRecord[refused](`${act.principal} ${act.operation}`)) return;
      const row = auditRow(ledger, act, { outcome: 'refused', code: 'forbidden' });
      await store(row).catch((err: unknown) => log.error({ err }, 'a refused attempt could not be recorded'));
    },
  };
}
