import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../src/errors/error-codes.js';
import type { Endpoint } from '../src/http/endpoint.js';
import { openApiDocument } from '../src/http/openapi-document.js';
import { ROUTES } from '../src/routes.js';

const endpoints: readonly Endpoint[] = ROUTES.map(({ endpoint }) => endpoint);
const committed = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8'));

describe('openapi.json', () => {
  it('openapi.json is what the routes say', () => {
    expect(committed).toEqual(JSON.parse(JSON.stringify(openApiDocument(endpoints))));
  });

  it('openapi.json names every code', () => {
    expect(committed.components.schemas.ErrorCode.enum).toEqual(ERROR_CODES);
  });

  it('openapi.json has an id of its own for every operation', () => {
    const ids = endpoints.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe.each(endpoints.map((endpoint) => [endpoint.operationId, endpoint] as const))('%s', (_name, endpoint) => {
  const operation = committed.paths[endpoint.path][endpoint.method];

  it('an operation has examples that its schemas accept', () => {
    for (const content of [endpoint.body, endpoint.answer.content]) {
      if (content !== undefined) expect(content.schema.safeParse(content.example).error).toBeUndefined();
    }
  });

  it('an operation documents a summary, a tag, who may call it, and its problems', () => {
    expect(operation).toMatchObject({
      operationId: endpoint.operationId,
      summary: expect.any(String),
      tags: [expect.any(String)],
      security: endpoint.access === 'anyone' ? [] : expect.arrayContaining([expect.any(Object)]),
    });
    const problems = Object.entries<{ content?: object }>(operation.responses).filter(([status]) => status >= '400');
    expect(problems.length).toBeGreaterThan(0);
    for (const [, response] of problems)
      expect(Object.keys(response.content ?? {})).toEqual(['application/problem+json']);
  });
});
