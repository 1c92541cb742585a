import { defineDomainEvent, type Ledger, type PostTransfer } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { traceparentOf, useRecordedSpans } from '../support/recorded-spans.js';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const spans = useRecordedSpans();
let ledger: Ledger;
let keys = 0;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { a: 1_000_000n, b: 0n, poor: 0n });
});

function payment(part: Partial<PostTransfer> = {}): PostTransfer {
  keys += 1;
  return { from: 'a', to: 'b', amount: 1n, currency: 'USD', idempotencyKey: `traced-${keys}`, ...part };
}

/** The stored trace of each journal row of these transfers, in order. */
async function storedOf(...ids: readonly string[]): Promise<readonly (string | null)[]> {
  const rows = await bed.sql<{ traceparent: string | null }>(
    'select traceparent from micropay.transfers where id = any($1) order by position',
    [ids],
  );
  return rows.map(({ traceparent }) => traceparent);
}

async function onlyPost() {
  const [post, ...others] = spans.named('micropay.post');
  if (post === undefined || others.length > 0) throw new Error(`${others.length + 1} spans, expected one`);
  return post;
}

describe('a post within a sampled span', () => {
  it('a post is a span below the span that is active, and its row stores it', async () => {
    const [parent, transfer] = await spans.within(
      async (span) => [span, await ledger.transfers.post(payment())] as const,
    );
    const post = await onlyPost();
    expect(post.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
    expect(post.attributes).toEqual({
      'micropay.kind': 'transfer',
      'micropay.legs': 1,
      'micropay.transfer.id': transfer.id,
      'micropay.replayed': false,
    });
    expect(await storedOf(transfer.id)).toEqual([traceparentOf(post)]);
  });

  it('a batch is a span with links both ways to the sampled requests in it, and its steps are below it', async () => {
    const untraced = ledger.transfers.post(payment());
    await spans.within(() => Promise.all([ledger.transfers.post(payment()), ledger.transfers.post(payment())]));
    await untraced;
    const [batch, ...others] = spans.named('micropay.batch');
    const posts = spans.named('micropay.post');
    const steps = [...spans.named('micropay.lock_and_decide'), ...spans.named('micropay.write_and_commit')];
    expect(others).toEqual([]);
    expect(batch?.attributes).toEqual({ 'micropay.batch.requests': 3 });
    expect(batch?.parentSpanContext?.spanId).toBe(posts[0]?.spanContext().spanId);
    expect(batch?.links.map(({ context }) => context.spanId)).toEqual(posts.map((post) => post.spanContext().spanId));
    for (const { links } of posts)
      expect(links.map(({ context }) => context.spanId)).toEqual([batch?.spanContext().spanId]);
    expect(steps.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      [batch, batch].map((span) => span?.spanContext().spanId),
    );
  });

  it('each event of a traced transfer carries its trace', async () => {
    const { last } = await ledger.events.range();
    const transfer = await spans.within(() => ledger.transfers.post(payment()));
    const post = await onlyPost();
    const heard: [string, string | undefined][] = [];
    for await (const events of await ledger.events.subscribe({ after: last })) {
      for (const event of events) heard.push([event.type, event.traceparent]);
      if (heard.length === 3) break;
    }
    expect(transfer.id).toBe(post.attributes['micropay.transfer.id']);
    expect(heard).toEqual(
      ['transfer.posted.v1', 'balance.changed.v1', 'balance.changed.v1'].map((type) => [type, traceparentOf(post)]),
    );
  });

  it('a replay is a span of its own, and the row keeps the trace that posted it', async () => {
    const request = payment();
    const first = await spans.within(() => ledger.transfers.post(request));
    const stored = await storedOf(first.id);
    await spans.within(() => ledger.transfers.post(request));
    const [, replay] = spans.named('micropay.post');
    expect(replay?.attributes['micropay.replayed']).toBe(true);
    expect(stored).toEqual([expect.any(String)]);
    expect(await storedOf(first.id)).toEqual(stored);
  });

  it('a refusal is named on the span, which is no error', async () => {
    const refused = payment({ from: 'poor' });
    const posting = spans.within(() => ledger.transfers.post(refused));
    await expect(posting).rejects.toMatchObject(refusal('insufficient_funds'));
    const post = await onlyPost();
    expect(post.attributes['micropay.refusal']).toBe('insufficient_funds');
    expect(post.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('a hold, its capture and a reversal are spans of their kind, each stored with its row', async () => {
    const { idempotencyKey: _, ...movement } = payment({ amount: 10n });
    const ids = await spans.within(async () => {
      const hold = await ledger.holds.place(movement);
      const capture = await ledger.holds.capture(hold.id, { final: true });
      const reversal = await ledger.transfers.reverse(capture.id);
      return [hold.id, capture.id, reversal.id];
    });
    const posts = spans.named('micropay.post');
    expect(posts.map(({ attributes }) => attributes['micropay.kind'])).toEqual(['hold', 'capture', 'reversal']);
    expect(await storedOf(...ids)).toEqual(posts.map(traceparentOf));
  });

  it('a linked group is one span, and every row of it is of that trace', async () => {
    const { idempotencyKey: _, ...leg } = payment();
    const legs = await spans.within(() => ledger.transfers.postLinked([leg, leg]));
    const post = await onlyPost();
    expect(post.attributes['micropay.legs']).toBe(2);
    expect(await storedOf(...legs.map(({ id }) => id))).toEqual([traceparentOf(post), traceparentOf(post)]);
  });

  it('a post and a domain event in the transaction of a caller are of the active trace', async () => {
    const shipped = defineDomainEvent({ type: 'order.shipped.v1', topic: 'orders', data: z.object({}) });
    const client = new Client({ connectionString: bed.url });
    await client.connect();
    const subject = '01990000-0000-7000-8000-000000000001';
    const parent = await spans.within(async (span) => {
      await client.query('begin');
      const inside = ledger.within(fromPg(client));
      await inside.transfers.post(payment());
      await inside.events.write(shipped, { subject, data: {} });
      await client.query('commit');
      return span;
    });
    await client.end();
    const post = await onlyPost();
    expect(await storedOf(String(post.attributes['micropay.transfer.id']))).toEqual([traceparentOf(post)]);
    expect(await bed.sql('select traceparent from micropay.events where subject = $1', [subject])).toEqual([
      { traceparent: traceparentOf(parent) },
    ]);
  });
});

describe('a transfer request within a sampled span', () => {
  it('a request that is posted later continues the trace of its caller, with its event', async () => {
    const { idempotencyKey = '', ...movement } = payment();
    const [parent, request] = await spans.within(
      async (span) => [span, await ledger.requests.submit({ ...movement, idempotencyKey })] as const,
    );
    await ledger.requests.processRequests();
    const post = await onlyPost();
    expect(post.kind).toBe(SpanKind.CONSUMER);
    expect(post.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
    expect(await storedOf(request.transferId)).toEqual([traceparentOf(post)]);
    const events = await bed.sql('select type, traceparent from micropay.events where subject = $1', [
      request.transferId,
    ]);
    expect(events).toEqual([{ type: 'transfer.requested.v1', traceparent: traceparentOf(parent) }]);
  });

  it('a request continues the trace that it names, and refuses what is no traceparent', async () => {
    const { idempotencyKey = '', ...movement } = payment();
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    await ledger.requests.submit({ ...movement, idempotencyKey, traceparent });
    await ledger.requests.processRequests();
    expect((await onlyPost()).spanContext().traceId).toBe('c'.repeat(32));
    for (const wrong of [
      '',
      'x',
      `00-${'0'.repeat(32)}-${'d'.repeat(16)}-01`,
      `ff-${'c'.repeat(32)}-${'d'.repeat(16)}-01`,
    ]) {
      const submitted = ledger.requests.submit({ ...movement, idempotencyKey: 'wrong', traceparent: wrong });
      await expect(submitted).rejects.toMatchObject(refusal('invalid_request'));
    }
  });
});

describe('a post that no sampled span surrounds', () => {
  it('a trace that is not sampled leaves no span and no stored trace', async () => {
    const { idempotencyKey = '', ...movement } = payment();
    const [transfer, request] = await spans.unsampled(
      async () =>
        [
          await ledger.transfers.post(payment()),
          await ledger.requests.submit({ ...movement, idempotencyKey }),
        ] as const,
    );
    await ledger.requests.processRequests();
    expect(spans.all()).toEqual([]);
    expect(await storedOf(transfer.id, request.transferId)).toEqual([null, null]);
  });

  it('a caller without a span leaves no span and no stored trace', async () => {
    const transfer = await ledger.transfers.post(payment());
    expect(spans.all()).toEqual([]);
    expect(await storedOf(transfer.id)).toEqual([null]);
  });

  it('a request that names a trace that is not sampled stores none', async () => {
    const { idempotencyKey = '', ...movement } = payment();
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`;
    const { transferId } = await ledger.requests.submit({ ...movement, idempotencyKey, traceparent });
    await ledger.requests.processRequests();
    expect(await storedOf(transferId)).toEqual([null]);
    expect(
      await bed.sql('select traceparent from micropay.transfer_requests where transfer_id = $1', [transferId]),
    ).toEqual([{ traceparent: null }]);
  });
});
