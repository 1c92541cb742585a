import { auditEntryJson } from '../audit/audit-json.js';
import { type AuditEntry, readAuditLog } from '../audit/audit-log.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import type { CommandContext } from './command.js';
import { formatTable } from './format-table.js';
import { timeIn } from './time-in.js';
import { withServerTables } from './with-server-tables.js';

const LIMIT = '100';
const LIMIT_MAX = 10_000;

/** Lists the entries of the audit log that the options choose. */
export async function showAudit(context: CommandContext): Promise<ExitCode> {
  const { output, options } = context;
  const { limit: given = LIMIT } = options;
  const limit = Number(given);
  if (!/^[1-9][0-9]{0,4}$/.test(String(given)) || limit > LIMIT_MAX) {
    throw new CliError('usage', `--limit takes a whole number from 1 to ${LIMIT_MAX}`);
  }
  const filter = {
    principal: textIn(options.principal),
    operation: textIn(options.operation),
    subject: textIn(options.subject),
    from: timeIn('--from', options.from),
    to: timeIn('--to', options.to),
  };
  await withServerTables(context, async (database, ledger) => {
    const entries = await readAuditLog(database, ledger, { filter, limit });
    output.value(entries.map(auditEntryJson));
    output.text(entries.length === 0 ? 'The audit log has no such entries.' : formatTable(entries.map(cellsOf)));
  });
  return EXIT.ok;
}

function textIn(option: string | boolean | undefined): string | undefined {
  return option === undefined ? undefined : String(option);
}

function cellsOf(entry: AuditEntry) {
  const { createdAt, principal, operation, subject, outcome, code, reason, clientAddress } = auditEntryJson(entry);
  return {
    time: createdAt,
    principal,
    operation,
    subject: subject ?? '',
    outcome: code ?? outcome,
    from: clientAddress ?? '',
    reason: reason ?? '',
  };
}
