import { context, type Span, trace } from '@opentelemetry/api';
import { sqlState } from '../postgres/sql-errors.js';
import { endSpan, failSpan, harmless, startChild } from '../tracing.js';
import type { Waiting } from './waiting.js';

/**
 * A span for a batch in which a sampled request travels, and links both ways between it and each of them. The first of them is
 * its parent, so that a batch is sampled exactly when it is asked about.
 */
export function startBatch(batch: readonly Pick<Waiting, 'posting'>[]): Span | undefined {
  const posts: Span[] = [];
  for (const { posting } of batch) if (posting.span !== undefined) posts.push(posting.span);
  const [first] = posts;
  if (first === undefined) return undefined;
  const span = startChild(first, 'micropay.batch', {
    attributes: { 'micropay.batch.requests': batch.length },
    links: posts.map((post) => ({ context: post.spanContext() })),
  });
  harmless(() => {
    if (span !== undefined) for (const post of posts) post.addLink({ context: span.spanContext() });
  });
  return span;
}

export function endBatch(span: Span | undefined, ended: { readonly failedRuns: readonly string[] } | Error): void {
  if (span === undefined) return;
  endSpan(span, () => {
    if (ended instanceof Error) failSpan(span, ended.name);
    else if (ended.failedRuns.length > 0) span.setAttribute('micropay.batch.failed_runs', [...ended.failedRuns]);
  });
}

/** Does one step of a run, in a span below the batch's. A step that fails is an error, also where the next run succeeds. */
export async function withStep<Result>(
  batch: Span | undefined,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const span = batch && startChild(batch, name, { attributes: { 'db.system.name': 'postgresql' } });
  if (span === undefined) return work();
  let failure: unknown;
  try {
    return await context.with(trace.setSpan(context.active(), span), work);
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    endSpan(span, () => {
      if (failure !== undefined) failSpan(span, sqlState(failure) ?? (failure as Error).name);
    });
  }
}
