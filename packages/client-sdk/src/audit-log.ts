import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, rowsOfPages } from './paging.js';

/** An act of an operator or of support, or an attempt that was refused. */
export type AuditEntry = Readonly<components['schemas']['AuditEntry']>;

/** Only entries that have all of these. */
export interface AuditLogOptions extends PageOptions {
  /** `operator:` or `user:` and an id, `cli:` and an account of the machine, or `server`. */
  readonly principal?: string;
  /** Such as `freezeWallet`. */
  readonly operation?: string;
  /** An id, an address or a name. */
  readonly subject?: string;
  /** From this time on. */
  readonly from?: Date | string;
  /** Before this time. */
  readonly to?: Date | string;
}

/** Acts of operators and support. For operators only. */
export interface AuditLog {
  /** The newest first, fetched page by page: `for await (const entry of …)`. */
  list(options?: AuditLogOptions): AsyncGenerator<AuditEntry, void, undefined>;
  listPage(options?: AuditLogOptions): Promise<Page<AuditEntry>>;
}

export function createAuditLog({ routes, send }: Api): AuditLog {
  const listPage: AuditLog['listPage'] = async ({ signal, ...rest } = {}) => {
    const fetch = send({ signal, repeatable: true });
    // Writes a Date as the server reads it.
    const query = JSON.parse(JSON.stringify(rest));
    return bodyOf(routes.GET('/v1/audit-log', { params: { query }, fetch }));
  };
  return { list: (options = {}) => rowsOfPages(listPage, options), listPage };
}
