import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, expect, it } from 'vitest';
import { openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();

afterEach(() => {
  trace.disable();
  context.disable();
});

function fail(): never {
  throw new Error('the processor of the application is broken');
}

it.each([
  ['starts', { onStart: fail, onEnd: () => undefined }],
  ['ends', { onStart: () => undefined, onEnd: fail }],
])(
  'a payment is posted once, and its ledger closes, when the span processor of the application throws as a span %s',
  async (when, processor) => {
    const ledger = bed.ledger();
    const [from, to] = [`from-${when}`, `to-${when}`];
    await openWallets(ledger, { [from]: 100n, [to]: 0n });
    const quiet = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [{ ...processor, ...quiet }] }));
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
    const sampled = trace.wrapSpanContext(parent);
    const active = Object.assign(Object.create(sampled), { isRecording: () => true, spanContext: () => parent });
    const before = await ledger.accounts.get(to);
    const posted = await context.with(trace.setSpan(context.active(), active), () =>
      Promise.all([1n, 2n].map((amount) => ledger.transfers.post({ from, to, amount, currency: 'USD' }))),
    );
    expect(posted.map(({ replayed }) => replayed)).toEqual([false, false]);
    expect((await ledger.accounts.get(to)).posted - before.posted).toBe(3n);
    await ledger.close();
  },
);
