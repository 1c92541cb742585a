/** One privileged act, as the audit log names it. It holds no personal data: people are named by id. */
export interface Act {
  /** Who: `operator:` or `user:` and an id, `cli:` and an account of the machine, or `server`. */
  readonly principal: string;
  /** What: the `operationId` of the route, or of the one that does the same over HTTP. */
  readonly operation: string;
  /** What it was done to: an id, an address or a name; undefined for what concerns many. */
  readonly subject: string | undefined;
  readonly reason: string | undefined;
  /** Undefined for acts that came by no request. */
  readonly clientAddress: string | undefined;
  readonly requestId: string | undefined;
}

/** An id, an address, a name or a time zone. Anything else that a caller may send, such as an email, is not kept for ever. */
const SUBJECT = /^[a-zA-Z0-9_.:/+-]{1,200}$/;

export function subjectOf(given: unknown): string | undefined {
  return typeof given === 'string' && SUBJECT.test(given) ? given : undefined;
}
