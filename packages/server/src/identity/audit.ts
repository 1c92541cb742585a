import type { Audit } from '@micropay/ledger-core';
import type { Principal } from './principal.js';

/** The author of a change and the reason, for its event. */
export function auditOf({ kind, id }: Principal, reason: string | undefined): Audit {
  return { by: `${kind}:${id}`, ...(reason === undefined ? {} : { reason }) };
}
