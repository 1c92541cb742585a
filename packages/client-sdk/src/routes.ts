import type { Api } from './api.js';
import { writeBody } from './posting.js';

/** What a call says of its request, whichever route it is for. */
interface RouteCall {
  readonly params?: {
    readonly path?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, unknown>>;
    readonly header?: Readonly<Record<string, string | undefined>>;
  };
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly parseAs?: 'blob' | 'stream';
}

/**
 * Calls routes by their paths in the OpenAPI document. The types are those of openapi-fetch; what it does at run time is four
 * times this much, for middleware, forms and styles of parameters that this API has not.
 */
export function createRoutes(baseUrl: string): Api['routes'] {
  const base = baseUrl.replace(/\/$/, '');
  const caller = (method: string) => async (path: string, call: RouteCall) => {
    const { params = {}, body, fetch, parseAs } = call;
    const headers = new Headers(body === undefined ? {} : { 'Content-Type': 'application/json' });
    for (const [name, value] of Object.entries({ ...params.header, ...call.headers })) {
      if (value !== undefined) headers.set(name, value);
    }
    const text = body === undefined ? {} : { body: writeBody(body) };
    const response = await fetch(new Request(base + urlOf(path, params), { method, headers, ...text }));
    if (parseAs === 'stream') return { data: response.body, response };
    return { data: parseAs === 'blob' ? await response.blob() : readJson(await response.text()), response };
  };
  const methods = ['GET', 'POST', 'PATCH', 'DELETE'].map((method) => [method, caller(method)]);
  return Object.fromEntries(methods) as unknown as Api['routes'];
}

/** A list is one parameter, its elements separated by commas. */
function urlOf(path: string, { path: named = {}, query = {} }: NonNullable<RouteCall['params']>): string {
  const search = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${[value]
          .flat()
          .map((part) => encodeURIComponent(part instanceof Date ? part.toISOString() : String(part)))
          .join()}`,
    )
    .join('&');
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(named[name])));
  return search === '' ? filled : `${filled}?${search}`;
}

/** A success may say no more than its status. */
function readJson(answer: string): unknown {
  return answer === '' ? undefined : JSON.parse(answer);
}
