import type { Audit } from '@micropay/ledger-core';
import type { Principal } from './principal.js';

/** Who asks for a change and why, for the change's event. */
export function auditOf({ kind, id }: Principal, reason: string | undefined): Audit {
  return { by: `${kind}:${id}`, ...(reason === undefined ? {} : { reason }) };
}
