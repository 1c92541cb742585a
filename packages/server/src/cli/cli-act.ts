import { userInfo } from 'node:os';
import type { Act } from '../identity/act.js';

/** An act of this command for the audit log, in the name of the machine's account that runs it. */
export function cliAct(operation: string, reason: string | boolean | undefined): Act {
  return {
    principal: `cli:${accountName()}`,
    operation,
    subject: undefined,
    reason: typeof reason === 'string' ? reason : undefined,
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
