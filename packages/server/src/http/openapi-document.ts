import { OpenAPIHono } from '@hono/zod-openapi';
import { ERROR_CODES, ERRORS, type ErrorCode } from '../errors/error-codes.js';
import { PROBLEM_MEDIA_TYPE, ProblemSchema, problem } from '../errors/problem.js';
import { SCOPES } from '../identity/scope.js';
import { type Content, type Endpoint, type EventContent, type Permission, refusalsOf, TAGS } from './endpoint.js';
import { IdempotencyKeyField, MEMBER_NAME, STORABLE } from './fields.js';
import { PreferField } from './request/prefer.js';

/** Follows the routes, not the package: it changes when what callers can rely on changes. */
const API_VERSION = '1.0.0';

/** The schema of metadata values. Written by hand, because nested input could make a recursive schema overflow the stack. */
const JSON_VALUE = {
  anyOf: [
    { type: 'null' },
    { type: 'boolean' },
    { type: 'number', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: STORABLE.source },
    { type: 'array', items: { $ref: '#/components/schemas/JsonValue' } },
    {
      type: 'object',
      ...{ patternProperties: { [MEMBER_NAME]: { $ref: '#/components/schemas/JsonValue' } } },
      additionalProperties: false,
    },
  ],
} satisfies Parameters<Registry['registerComponent']>[2];

const EXAMPLE_INSTANCE = 'urn:micropay:request:k3f9-42';

/** The scopes of an API key, and the role of support, are the role names of OpenAPI 3.1. */
function securityOf({ access, scope }: Permission): Record<string, string[]>[] {
  return [
    ...(access === 'user' || access === 'either' ? [{ accessToken: [] }] : []),
    ...(access === 'staff' ? [{ accessToken: ['support'] }] : []),
    ...(scope === undefined ? [] : [{ apiKey: [scope] }]),
  ];
}

export type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
type Registry = OpenAPIHono['openAPIRegistry'];
type RouteConfig = Parameters<Registry['registerPath']>[0];

/** The OpenAPI 3.1 document of these endpoints. */
export function openApiDocument(endpoints: readonly Endpoint[]): OpenApiDocument {
  const { openAPIRegistry: registry, getOpenAPI31Document } = new OpenAPIHono();
  registerSecurity(registry);
  for (const code of ERROR_CODES) registry.registerComponent('examples', code, exampleProblem(code));
  registry.registerComponent('schemas', 'JsonValue', JSON_VALUE);
  for (const endpoint of endpoints) {
    const { content } = endpoint.answer;
    if (content !== undefined && 'data' in content) registry.register('LiveEvent', content.data);
    registry.registerPath(routeConfig(endpoint));
  }
  return getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'MicroPay',
      version: API_VERSION,
      description:
        'Wallets and payments on a double-entry ledger. Amounts are whole minor units as strings: "1250" is 12.50 ' +
        'USD. Every POST that moves money takes an `Idempotency-Key`: repeating it with the same body returns the ' +
        'first result, with `Idempotent-Replayed: true`. Errors are RFC 9457 problems with a stable `code`.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/', description: 'The server that serves this document' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
  });
}

function registerSecurity(registry: Registry): void {
  registry.registerComponent('securitySchemes', 'accessToken', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'For users: the `accessToken` that register, login and refresh return or, with `AUTH_MODE` `oidc` or `both`, an access token of your issuer. Where the role `support` is named, only for users who have it',
  });
  const scopes = Object.entries(SCOPES).map(([scope, meaning]) => `- \`${scope}\`: ${meaning}`);
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: `For operators: an API key with the scope that the route names. The first one, which the server printed at its first start or took from OPERATOR_API_KEY, has every scope.\n\n${scopes.join('\n')}`,
  });
}

function routeConfig(endpoint: Endpoint): RouteConfig {
  const { operationId, method, path, tag, summary } = endpoint;
  return {
    operationId,
    method,
    path,
    tags: [tag],
    summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    security: securityOf(endpoint),
    request: requestOf(endpoint),
    responses: { ...answerOf(endpoint), ...problemsOf(endpoint) },
  };
}

function requestOf(endpoint: Endpoint): NonNullable<RouteConfig['request']> {
  const { params, query, headers, body, idempotencyKey, accepted } = endpoint;
  const key = idempotencyKey === 'required' ? IdempotencyKeyField : IdempotencyKeyField.optional();
  return {
    ...(params === undefined ? {} : { params }),
    ...(query === undefined ? {} : { query }),
    ...(headers === undefined ? {} : { headers }),
    ...(idempotencyKey === undefined
      ? {}
      : {
          headers: [
            key.openapi({ param: { name: 'Idempotency-Key', in: 'header' } }),
            ...(accepted === undefined ? [] : [PreferField.openapi({ param: { name: 'Prefer', in: 'header' } })]),
          ],
        }),
    ...(body === undefined
      ? {}
      : {
          body: {
            required: body.optional !== true,
            content: { 'application/json': { schema: body.schema, example: body.example } },
          },
        }),
  };
}

function answerOf({ answer, accepted, idempotencyKey, dryRun }: Endpoint): RouteConfig['responses'] {
  const { status, description, content, files } = answer;
  const rest = {
    ...(idempotencyKey === undefined ? {} : { headers: REPLAYED_HEADER }),
    ...(content === undefined
      ? {}
      : { content: { [mediaTypeOf(content)]: { schema: content.schema, example: content.example } } }),
    ...(files === undefined ? {} : { content: Object.fromEntries(Object.entries(files).map(fileOf)) }),
  };
  const created = {
    [status]: { description, ...rest },
    ...(accepted === undefined ? {} : { 202: acceptedOf(accepted) }),
  };
  return dryRun === undefined ? created : { 200: { description: DRY_RUN, ...rest }, ...created };
}

function fileOf([mediaType, example]: [string, string | undefined]) {
  const type = 'string' as const;
  return [
    mediaType,
    example === undefined ? { schema: { type, format: 'binary' } } : { schema: { type }, example },
  ] as const;
}

function acceptedOf({ description, content: { schema, example } }: NonNullable<Endpoint['accepted']>) {
  return {
    description,
    headers: { ...REPLAYED_HEADER, ...ACCEPTED_HEADERS },
    content: { 'application/json': { schema, example } },
  };
}

const DRY_RUN = 'With `dryRun`: the response that the request would get; nothing was changed';
const ACCEPTED_HEADERS = {
  Location: { description: 'The URL that reports the outcome', schema: { type: 'string' as const } },
  'Preference-Applied': { description: '`respond-async`', schema: { type: 'string' as const } },
};

function mediaTypeOf(content: Content | EventContent): string {
  return 'mediaType' in content ? content.mediaType : 'application/json';
}

const REPLAYED_HEADER = {
  'Idempotent-Replayed': {
    description: '`true` if this is the stored result of an earlier request with the same key',
    schema: { type: 'string' as const, enum: ['true'] },
  },
};

function problemsOf(endpoint: Endpoint): RouteConfig['responses'] {
  const codesByStatus = new Map<number, ErrorCode[]>();
  for (const code of refusalsOf(endpoint)) {
    const { status } = ERRORS[code];
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code]);
  }
  const statuses = [...codesByStatus].sort(([one], [other]) => one - other);
  return Object.fromEntries(statuses.map(([status, codes]) => [status, problemResponse(status, codes)]));
}

function problemResponse(status: number, codes: readonly ErrorCode[]) {
  const examples = codes.map((code) => [code, { $ref: `#/components/examples/${code}` }] as const);
  return {
    description: `Problem: ${codes.map((code) => `\`${code}\``).join(', ')}`,
    ...(status in PROBLEM_HEADERS ? { headers: PROBLEM_HEADERS[status] } : {}),
    content: { [PROBLEM_MEDIA_TYPE]: { schema: ProblemSchema, examples: Object.fromEntries(examples) } },
  };
}

function exampleProblem(code: ErrorCode) {
  const { title } = ERRORS[code];
  return { summary: title, value: { ...problem(code, title), instance: EXAMPLE_INSTANCE } };
}

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' as const } } };
const RATE_LIMIT = {
  'RateLimit-Policy': { description: 'The limit: `q` requests in `w` seconds', schema: { type: 'string' as const } },
  RateLimit: {
    description: '`r` requests are left, and one more in `t` seconds. Sent with other responses too',
    schema: { type: 'string' as const },
  },
};
const PROBLEM_HEADERS: Record<
  number,
  Record<string, { description: string; schema: { type: 'integer' | 'string' } }>
> = {
  401: { 'WWW-Authenticate': { description: 'RFC 6750', schema: { type: 'string' } } },
  429: { ...RETRY_AFTER, ...RATE_LIMIT },
  503: RETRY_AFTER,
};
