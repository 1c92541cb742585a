import { type Members, optional, text } from './arguments.js';

/** The author of a change and the reason, for the event of the change. No personal data: use an id. */
export interface Audit {
  /** 1 to 255 characters: `operator:7`. */
  readonly by?: string;
  /** 1 to 255 characters. */
  readonly reason?: string;
}

const auditText = optional(text(1, 255));

export const AUDIT: Members<Audit> = { by: auditText, reason: auditText };
