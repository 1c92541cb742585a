import type { Act } from '../identity/act.js';

/** How an act ended: `refused` changed nothing, and of one that `failed` the code says what is known. */
export interface ActOutcome {
  readonly outcome: 'done' | 'refused' | 'failed';
  /** The code of the problem. */
  readonly code?: string | undefined;
  /** The id of what the act made, such as a transfer. */
  readonly result?: string | undefined;
}

/** Who was refused: anybody may become a user, few have a key or a role. */
export type Refused = 'key' | 'support' | 'user';

/** Where the acts of operators and support are recorded before they begin, and their outcomes after. */
export interface AuditTrail {
  /** Resolves with the id of the entry once it is stored; the act must not begin before. */
  begin(act: Act): Promise<string>;
  /** Never rejects: the act has happened. */
  end(id: string, outcome: ActOutcome): Promise<void>;
  /** Records an attempt that was `forbidden`. Never rejects, and leaves out what comes too often of its kind. */
  refuse(act: Act, refused: Refused): Promise<void>;
}
