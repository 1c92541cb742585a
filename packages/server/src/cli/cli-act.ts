import { userInfo } from 'node:os';
import { ReasonField } from '../http/fields.js';
import type { Act } from '../identity/act.js';
import { CliError } from './cli-error.js';

/**
 * An act of this command for the audit log, in the name of the machine's account that runs it.
 *
 * @throws {CliError} `usage` for a reason that HTTP would refuse too
 */
export function cliAct(operation: string, reason: string | boolean | undefined): Act {
  const checked = ReasonField.optional().safeParse(reason);
  if (!checked.success) throw new CliError('usage', `--reason ${checked.error.issues[0]?.message}`);
  return {
    principal: `cli:${accountName()}`,
    operation,
    subject: undefined,
    reason: checked.data,
    clientAddress: undefined,
    requestId: undefined,
  };
}

/** Containers may run as a number that has no name. */
function accountName(): string {
  try {
    return userInfo()
      .username.replaceAll(/[^a-zA-Z0-9_.-]/g, '_')
      .slice(0, 64);
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
