import type { Span } from '@opentelemetry/api';
import type { AccountId } from '../domain/accounts/account.js';
import type { Candidate, Outcome } from '../domain/decision/decide.js';
import type { ContinuedTransfer } from '../domain/transfers/reversal.js';
import type { TransferId } from '../domain/transfers/transfer.js';

/** A request as its caller left it; its accounts are looked up when its batch starts. */
export interface Posting {
  readonly ledger: number;
  readonly legCount: number;
  /** Ids and addresses of the accounts that it names itself. */
  readonly references: readonly string[];
  /** The holds and transfers that it continues, and whose accounts are its own. */
  readonly originals: readonly TransferId[];
  /** Shared by the requests of one call that must apply in order; null for a request of its own. */
  readonly sequence: object | null;
  readonly toCandidate: (lookUp: LookUp) => Candidate;
  /** The span of the request, if it is sampled. Who submits the posting ends it. */
  readonly span: Span | undefined;
}

/** The accounts and transfers that postings name, looked up before any lock because they never change. */
export interface LookUp {
  /** Null for a reference that names no account. */
  readonly accountId: (reference: string) => AccountId | null;
  /** Undefined for an id that names no hold or transfer. */
  readonly original: (id: TransferId) => ContinuedTransfer | undefined;
}

/** A posting that waits in the queue, or is being posted. */
export interface Waiting {
  readonly posting: Posting;
  readonly settle: (outcome: Outcome | Error) => void;
  /** When it joined the queue, to the round of the event loop; 0 when nobody observes batches. */
  readonly queuedAtMs: number;
}

/** A request whose accounts are known. */
export interface Resolved extends Waiting {
  readonly candidate: Candidate;
  /** Transfers of its batch that an unconfirmed commit may have written. */
  readonly unconfirmed: ReadonlySet<TransferId>;
}
