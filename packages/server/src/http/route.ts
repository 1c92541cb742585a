import type { z } from '@hono/zod-openapi';
import type { Ledger } from '@micropay/ledger-core';
import type { Act } from '../identity/act.js';
import type { Operator, Principal, UserPrincipal } from '../identity/principal.js';
import type { Answer, StreamAnswer } from './answer.js';
import type { Endpoint, EventContent } from './endpoint.js';

interface PrincipalByAccess {
  anyone: undefined;
  user: UserPrincipal;
  operator: Operator;
  staff: Principal;
  either: Principal;
}

/** The checked parts of a request that an endpoint asks for. */
export interface EndpointRequest<Definition extends Endpoint = Endpoint> {
  readonly principal: PrincipalByAccess[Definition['access']];
  readonly params: Definition extends { params: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
  readonly query: Definition extends { query: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
  readonly headers: Definition extends { headers: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
  readonly body: Definition extends { body: { schema: infer Schema extends z.ZodType } } ? z.output<Schema> : undefined;
  readonly idempotencyKey: Definition extends { idempotencyKey: 'required' }
    ? string
    : Definition extends { idempotencyKey: 'optional' }
      ? string | undefined
      : undefined;
  /** True when the caller would have it done later, and the endpoint can. */
  readonly respondAsync: boolean;
  /** The client's network address, for rate limits. */
  readonly clientAddress: string;
  /** What the client's program says of itself. */
  readonly userAgent: string | undefined;
  /** The act for the audit log, if an operator or support does it and it may change something. */
  readonly act: Definition['access'] extends 'operator' | 'staff' ? Act : Act | undefined;
  /** The credential as received, for a stream that lasts only as long as it is valid. */
  readonly authorization: string | undefined;
  /** Ends the connection, whatever has been sent. */
  readonly disconnect: () => void;
}

type AnswerOf<Definition extends Endpoint> = Definition extends { answer: { content: EventContent } }
  ? StreamAnswer
  : JsonAnswerOf<Definition>;

type JsonAnswerOf<Definition extends Endpoint> =
  | (Definition extends { answer: { content: { schema: infer Schema extends z.ZodType } } }
      ? Answer<z.input<Schema>>
      : Answer<undefined>)
  | (Definition extends { accepted: { content: { schema: infer Schema extends z.ZodType } } }
      ? Answer<z.input<Schema>>
      : never);

export type Handler<Definition extends Endpoint> = (
  request: EndpointRequest<Definition>,
) => Promise<AnswerOf<Definition>> | AnswerOf<Definition>;

/** The one service that nearly every handler needs. A feature that needs more extends it. */
export interface LedgerServices {
  readonly ledger: Ledger;
}

/** An endpoint and what makes its handler, once the services that it needs are there. */
export interface Route<Services> {
  readonly endpoint: Endpoint;
  readonly bind: (
    services: Services,
  ) => (request: EndpointRequest) => Promise<Answer<unknown> | StreamAnswer> | Answer<unknown> | StreamAnswer;
}

/** Types a handler by its endpoint: its arguments and its result. */
export function route<const Definition extends Endpoint, Services>(
  endpoint: Definition,
  bind: (services: Services) => Handler<Definition>,
): Route<Services> {
  return { endpoint, bind: bind as unknown as Route<Services>['bind'] };
}
