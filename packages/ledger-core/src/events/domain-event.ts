import { isUuid } from '../domain/accounts/account.js';
import { invalidArgument, object, oneOf, readable, valid } from '../domain/input/arguments.js';
import { EVENT_DATA, type EventData } from './catalogue.js';

/** Types of domain events that the application around the ledger may write; the engine writes the others itself. */
export const DOMAIN_EVENT_TYPES = ['user.created.v1'] as const;
export type DomainEventType = (typeof DOMAIN_EVENT_TYPES)[number];

/** An event of the application, in the same order as the ledger's own. */
export type DomainEvent = {
  [Type in DomainEventType]: {
    readonly type: Type;
    /** Id of what it is about. */
    readonly subject: string;
    /** No personal data: a delivered event cannot be taken back. */
    readonly data: EventData<Type>;
  };
}[DomainEventType];

const readDomainEvent = object<Pick<DomainEvent, 'type' | 'subject'> & { readonly data: unknown }>({
  type: oneOf(DOMAIN_EVENT_TYPES),
  subject: valid(isUuid, 'must be a UUID in lower case'),
  data: valid((value) => typeof value === 'object' && value !== null, 'must be an object'),
});

/** @throws {LedgerError} `invalid_request` */
export function checkDomainEvent(given: DomainEvent): DomainEvent {
  const { type, subject, data } = readDomainEvent(given, 'event');
  return { type, subject, data: readable((value) => readData(type, value))(data, 'data') };
}

/** Only what the type's schema knows. */
function readData(type: DomainEventType, data: unknown): DomainEvent['data'] {
  const { success, data: read, error } = EVENT_DATA[type].strict().safeParse(data);
  if (success) return read;
  const path = error.issues[0]?.path.join('.') ?? '';
  throw invalidArgument(path === '' ? 'data' : `data.${path}`, `must be as the event ${type} has it`, error);
}
