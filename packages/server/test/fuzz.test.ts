import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../src/errors/error-codes.js';
import type { Endpoint } from '../src/http/endpoint.js';
import { refusalsOf } from '../src/http/endpoint.js';
import { ROUTES } from '../src/routes.js';
import { call, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

const RUNS = process.env.MICROPAY_TEST_LONG === '1' ? 600 : 60;

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let hold: string;
let transfer: string;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(1_000_000n, 0n);
  const body = { from: alice.wallet, to: bob.wallet, amount: '1000', currency: 'USD' };
  const post = (path: string) => call(server.url, `POST ${path}`, { token: alice.token, key: randomUUID(), body });
  hold = (await post('/v1/holds')).body.id;
  transfer = (await post('/v1/transfers')).body.id;
});
afterAll(() => server.stop());

/** The library's own `unit: 'binary'` is the same, and needs three seconds of processor time before its first text. */
const character = fc.nat({ max: 0x10ffff }).map((codePoint) => String.fromCodePoint(codePoint));
/** Texts that often go wrong somewhere. */
const nastyText = fc.oneof(
  fc.string({ unit: character, maxLength: 40 }),
  fc.constantFrom(
    '',
    '\u0000',
    '__proto__',
    'null',
    '1e309',
    '-0',
    '9'.repeat(38),
    '9'.repeat(39),
    '٣',
    '\ud800',
    '%00',
  ),
);
const knownText = fc.constantFrom('USD', 'EUR', 'JPY', 'usd', '1', '100', 'debits', 'both', 'a@example.com');
const id = fc.oneof(
  fc.constantFrom('alice', 'bob', 'bobEmail', 'hold', 'transfer').map((name) => `<${name}>`),
  fc.uuid(),
);
const leaf = fc.oneof(nastyText, knownText, id, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
const json = fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(nastyText, leaf, { maxKeys: 3 }));

/** The example of the documentation with some fields changed, lost or added; or something else altogether. */
function bodyOf(endpoint: Endpoint): fc.Arbitrary<unknown> {
  if (endpoint.body === undefined) return fc.constant(undefined);
  const example = endpoint.body.example as Record<string, unknown>;
  const fields = Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      fc.oneof(
        { weight: 3, arbitrary: fc.constant(value) },
        { weight: 1, arbitrary: json },
        { weight: 1, arbitrary: id },
      ),
    ]),
  );
  const changed = fc.record(fields, { requiredKeys: [] });
  const added = fc.dictionary(nastyText, json, { maxKeys: 1 });
  return fc.oneof(
    { weight: 6, arbitrary: changed },
    { weight: 1, arbitrary: fc.tuple(changed, added).map(([one, other]) => ({ ...one, ...other })) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: nastyText },
  );
}

function requestOf(endpoint: Endpoint) {
  return fc.record({
    id: fc.oneof(id, nastyText),
    query: fc.dictionary(fc.constantFrom('limit', 'cursor', 'open', 'prefix', 'x'), nastyText, { maxKeys: 2 }),
    body: bodyOf(endpoint),
    token: fc.constantFrom('<token>', '<token>', '<bobToken>', '<operator>', '<operator>', 'a.b.c', undefined),
    key: fc.oneof(fc.uuid(), fc.constantFrom(undefined, 'k', 'x'.repeat(300))),
  });
}

function fill(text: string): string {
  return text
    .replaceAll('<alice>', alice.wallet)
    .replaceAll('<bob>', bob.wallet)
    .replaceAll('<bobEmail>', bob.email)
    .replaceAll('<hold>', hold)
    .replaceAll('<transfer>', transfer)
    .replaceAll('<bobToken>', bob.token)
    .replaceAll('<token>', alice.token)
    .replaceAll('<operator>', OPERATOR_KEY);
}

const endpoints: readonly Endpoint[] = ROUTES.map(({ endpoint }) => endpoint);

it.each(endpoints.map((endpoint) => [endpoint.operationId, endpoint] as const))(
  '%s returns only documented responses, and never 500',
  async (_name, endpoint) => {
    const documented = new Set<ErrorCode>([...refusalsOf(endpoint), 'route_not_found', 'method_not_allowed']);
    await fc.assert(
      fc.asyncProperty(requestOf(endpoint), async (given) => {
        const path = endpoint.path.replace(/\{\w+\}/, () => encodeURIComponent(Buffer.from(fill(given.id)).toString()));
        const query = new URLSearchParams(endpoint.query === undefined ? {} : given.query).toString();
        const text = typeof given.body === 'string' ? given.body : JSON.stringify(given.body);
        const reply = await call(server.url, `${endpoint.method.toUpperCase()} ${path}${query && `?${query}`}`, {
          token: given.token && fill(given.token),
          key: given.key,
          body: text && fill(text),
          headers: { 'x-request-id': randomUUID() },
        });
        if (reply.status === endpoint.answer.status || (endpoint.dryRun && reply.status === 200)) {
          const { content } = endpoint.answer;
          const isStream = reply.headers.get('content-type')?.startsWith('text/event-stream');
          if (content !== undefined && !isStream) expect(content.schema.safeParse(reply.body).error).toBeUndefined();
          return;
        }
        expect(documented).toContain(reply.body.code);
        expect(reply.status).toBe(ERRORS[reply.body.code as ErrorCode].status);
        expect(reply.status).toBeLessThan(500);
      }),
      { numRuns: RUNS },
    );
  },
);

it('leaves a ledger that verifies', async () => {
  const { body } = await call(server.url, 'GET /v1/verify', { token: OPERATOR_KEY });
  expect(body).toMatchObject({ ok: true, problems: [] });
});
