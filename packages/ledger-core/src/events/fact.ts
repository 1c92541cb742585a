import { isUuid } from '../domain/account.js';
import { LedgerError } from '../errors.js';
import { EVENT_DATA, type EventData } from './catalogue.js';

/** Types of facts that the application around the ledger may write; the engine writes the others itself. */
export const FACT_TYPES = ['user.created.v1'] as const;
export type FactType = (typeof FACT_TYPES)[number];

/** A fact of the application, told in the same order as the ledger's own. */
export type Fact = {
  [Type in FactType]: {
    readonly type: Type;
    /** Id of what it is about. */
    readonly subject: string;
    /** No personal data: what is told once cannot be taken back. */
    readonly data: EventData<Type>;
  };
}[FactType];

/** @throws {LedgerError} `invalid_request` */
export function checkFact(type: FactType, subject: string, data: unknown): void {
  if (!FACT_TYPES.includes(type)) {
    throw new LedgerError('invalid_request', `a fact's type must be one of ${FACT_TYPES.join(', ')}`);
  }
  if (!isUuid(subject)) throw new LedgerError('invalid_request', "a fact's subject must be a UUID in lower case");
  const { success, error } = EVENT_DATA[type].safeParse(data);
  if (!success) throw new LedgerError('invalid_request', `the data of ${type} is malformed: ${error.message}`);
}
