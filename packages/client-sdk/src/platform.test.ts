import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bundle } from '../test/support/bundle.js';
import { createClient } from './index.js';
import { REQUIRED } from './platform.js';

/** Named in the bundle, and what becomes of a call where it is missing. */
const OPTIONAL = {
  crypto: 'platform_unsupported, for a call that moves money without a key of its own',
  TextDecoder: 'platform_unsupported, for a stream',
  performance: 'the clock of the day, for how long a transfer request is waited for',
};

afterEach(() => {
  vi.unstubAllGlobals();
});

/** The names that ECMAScript alone does not explain: what the platform has to bring. */
function globalsIn(path: string): readonly string[] {
  const options = { allowJs: true, checkJs: true, noEmit: true, types: [], lib: ['lib.es2022.d.ts'] };
  const program = ts.createProgram([path], { ...options, target: ts.ScriptTarget.ES2022 });
  const unexplained = program.getSemanticDiagnostics().flatMap(({ messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ');
    return /^Cannot find name '(\w+)'/.exec(text)?.[1] ?? [];
  });
  return [...new Set(unexplained)];
}

it('the client uses only the globals that it checks for, or that it can do without', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'client-sdk-'));
  try {
    const path = await bundle(new URL('./index.ts', import.meta.url), { directory, format: 'esm' });
    expect(globalsIn(path).toSorted()).toEqual([...REQUIRED, ...Object.keys(OPTIONAL)].toSorted());
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe('a platform that lacks something', () => {
  it.each([...REQUIRED, 'fetch'])('createClient refuses a platform without %s, and names it', (name) => {
    vi.stubGlobal(name, undefined);
    expect(() => createClient({ baseUrl: 'http://127.0.0.1' })).toThrowError(
      expect.objectContaining({
        code: 'platform_unsupported',
        message: `platform_unsupported: this platform has no ${name}: load a polyfill first`,
        retryable: false,
      }),
    );
  });

  it('createClient accepts a platform without fetch if one is passed', () => {
    vi.stubGlobal('fetch', undefined);
    const fetch = async () => new Response();
    expect(createClient({ baseUrl: 'http://127.0.0.1', fetch })).toHaveProperty('transfers');
  });

  it('a stream fails with platform_unsupported if fetch does not stream responses', async () => {
    const fetch = async () => {
      const response = new Response(null, { headers: { 'Content-Type': 'text/event-stream' } });
      return Object.defineProperty(response, 'body', { value: undefined });
    };
    const stream = createClient({ baseUrl: 'http://127.0.0.1', fetch }).events.stream();
    await expect(stream.next()).rejects.toMatchObject({
      code: 'platform_unsupported',
      message: expect.stringContaining('give createClient a fetch that streams'),
    });
  });

  it('a call fails with platform_unsupported if the platform’s classes do not work together, as with an AbortController of jsdom', async () => {
    vi.stubGlobal(
      'AbortController',
      class {
        readonly signal = {};
        abort() {}
      },
    );
    const client = createClient({ baseUrl: 'http://127.0.0.1:1' });
    await expect(client.me()).rejects.toMatchObject({ code: 'platform_unsupported', retryable: false });
  });
});
