import { setTimeout as delay } from 'node:timers/promises';
import { createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { createRequestContexts } from './request-contexts.js';

const KEY = createContextKey('name');
const named = (name: string) => ROOT_CONTEXT.setValue(KEY, name);

describe('the contexts of requests', () => {
  it('the context of a request is active until its work has ended, beside others', async () => {
    const contexts = createRequestContexts();
    const work = (name: string, ms: number) =>
      contexts.with(named(name), async () => {
        await delay(ms);
        return contexts.active().getValue(KEY);
      });
    expect(await Promise.all([work('a', 20), work('b', 5), work('c', 10)])).toEqual(['a', 'b', 'c']);
    expect(contexts.active()).toBe(ROOT_CONTEXT);
    expect(await work('again', 1)).toBe('again');
  });

  it('the context of a request is not kept for what goes on after its end', async () => {
    const contexts = createRequestContexts();
    let later: Promise<unknown> | undefined;
    await contexts.with(named('a'), async () => {
      later = delay(20).then(() => contexts.active());
    });
    expect(await later).toBe(ROOT_CONTEXT);
  });

  it('work that fails in a context leaves it, at once or later', async () => {
    const contexts = createRequestContexts();
    const fail = () => {
      throw new Error('at once');
    };
    expect(() => contexts.with(named('a'), fail)).toThrow('at once');
    await expect(contexts.with(named('b'), async () => fail())).rejects.toThrow('at once');
    expect(contexts.active()).toBe(ROOT_CONTEXT);
    expect(contexts.with(named('c'), () => contexts.active().getValue(KEY))).toBe('c');
  });
});
