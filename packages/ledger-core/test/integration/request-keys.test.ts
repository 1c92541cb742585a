import { readFileSync } from 'node:fs';
import { type Ledger, LedgerError } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const page = readFileSync(new URL('../../../../docs/how-to/asynchronous-transfers.md', import.meta.url), 'utf8');
const [, section = ''] = page.split('\n## One key, one outcome\n');
const [table = ''] = section.split('\n## ');
const rows = [...table.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)]
  .slice(2)
  .map(([, second = '', open = '', posted = '', refused = '']) => ({ second, open, posted, refused }));

let ledger: Ledger;
let other: Ledger;
let cases = 0;

beforeAll(async () => {
  ledger = bed.ledger();
  other = bed.ledger();
  await openWallets(ledger, { a: 10_000n, b: 0n });
});

type State = 'open' | 'posted' | 'refused';

interface Case {
  readonly state: State;
  readonly order: {
    readonly from: string;
    readonly to: string;
    readonly amount: bigint;
    readonly currency: string;
    readonly idempotencyKey: string;
    readonly scope: string;
  };
  readonly requestId: string;
  /** The transfer that it is to become. */
  readonly transferId: string;
}

/** A request in a state, and money enough for it by then. */
async function requestIn(state: State): Promise<Case> {
  cases += 1;
  const payer = `payer:${cases}`;
  await openWallets(ledger, { [payer]: state === 'refused' ? 0n : 100n });
  const order = { from: payer, to: 'b', amount: 7n, currency: 'USD', idempotencyKey: `k${cases}`, scope: 's' };
  const { id, transferId } = await ledger.requests.submit(order);
  if (state !== 'open') await ledger.requests.processRequests();
  expect((await ledger.requests.get(id)).state).toBe(state === 'open' ? 'requested' : state);
  if (state === 'refused') {
    await ledger.transfers.post({ from: 'world', to: payer, amount: 100n, currency: 'USD' });
  }
  return { state, order, requestId: id, transferId };
}

/** The second call with the key of a request, by the first cell of its row. */
const SECONDS: Readonly<Record<string, (of: Case) => Promise<unknown>>> = {
  '`transfers.post` of the same': ({ order }) => other.transfers.post(order),
  'its dry run': ({ order }) => other.transfers.post({ ...order, dryRun: true }),
  async 'the same within a database transaction'({ order }) {
    const client = await bed.connect();
    await client.query('begin');
    try {
      return await other.within(fromPg(client)).transfers.post(order);
    } finally {
      await client.query('commit');
    }
  },
  '`postMany` of the same': async ({ order }) => {
    const [result] = await other.transfers.postMany([order]);
    if (result?.ok !== true) throw result?.error;
    return result.transfer;
  },
  '`transfers.post` of another amount': ({ order }) => other.transfers.post({ ...order, amount: 8n }),
  'the same as a linked group': ({ order: { idempotencyKey, scope, ...leg } }) =>
    other.transfers.postLinked([leg], { idempotencyKey, scope }),
  'a hold of the same': ({ order }) => other.holds.place(order),
  async 'a capture'({ order: { idempotencyKey, scope } }) {
    const { id } = await ledger.holds.place({ from: 'a', to: 'b', amount: 7n, currency: 'USD' });
    return other.holds.capture(id, { idempotencyKey, scope });
  },
  async 'a reversal'({ order: { idempotencyKey, scope } }) {
    const { id } = await ledger.transfers.post({ from: 'a', to: 'b', amount: 7n, currency: 'USD' });
    return other.transfers.reverse(id, { idempotencyKey, scope });
  },
  '`requests.submit` of the same': ({ order }) => other.requests.submit(order),
  '`requests.submit` of another amount': ({ order }) => other.requests.submit({ ...order, amount: 8n }),
};

/** The outcome, in the words of the table. */
async function outcomeOf(act: Promise<unknown>, { transferId, requestId }: Case): Promise<string> {
  const answer = await act.catch((error: unknown) => error);
  if (answer instanceof LedgerError) {
    if (answer.code !== 'insufficient_funds') return `\`${answer.code}\``;
    expect(answer.details.transferRequestId).toBe(requestId);
    return 'the stored refusal';
  }
  if (answer instanceof Error) throw answer;
  const { id, state, replayed } = answer as { id: string; state?: string; replayed: boolean };
  if (state !== undefined) return id === requestId && replayed ? 'the request' : 'another request';
  if (replayed) return id === transferId ? 'its transfer, replayed' : 'another transfer, replayed';
  return 'posted';
}

describe('a key of a request', () => {
  it('a key of a request has a row for everything that bears a key', () => {
    expect(rows.map(({ second }) => second)).toEqual(Object.keys(SECONDS));
  });

  it.each(rows.flatMap(({ second, ...cells }) => Object.entries(cells).map(([state, cell]) => [state, second, cell])))(
    'a key of a request that is %s: %s → %s',
    async (state, second, cell) => {
      const of = await requestIn(state as State);
      const before = await postedOf(ledger, of.order.from);
      expect(await outcomeOf((SECONDS[second] as (of: Case) => Promise<unknown>)(of), of)).toBe(cell);
      await ledger.requests.processRequests();

      // However it went: one outcome, and the money moved once or never.
      const { state: settled, transferId } = await ledger.requests.get(of.requestId);
      expect(settled).toBe(of.state === 'refused' ? 'refused' : 'posted');
      const after = await postedOf(ledger, of.order.from);
      expect(before - after).toBe(of.state === 'open' ? 7n : 0n);
      if (settled === 'posted') expect((await ledger.transfers.post(of.order)).id).toBe(transferId);
    },
  );

  it('an id that a request has announced is posted once: with it posted by hand, the request is refused and done', async () => {
    const { order, transferId, requestId } = await requestIn('open');
    const byHand = { from: 'a', to: 'b', amount: 3n, currency: 'USD', id: transferId };
    expect(await other.transfers.post(byHand)).toMatchObject({ id: transferId, amount: 3n, replayed: false });
    expect(await ledger.requests.processRequests()).toMatchObject({ posted: 0, refused: 1, putOff: 0 });
    expect(await ledger.requests.get(requestId)).toMatchObject({
      state: 'refused',
      refusal: { code: 'transfer_id_reused' },
    });
    expect(await postedOf(ledger, order.from)).toBe(100n);
    const later = await requestIn('posted');
    await expect(other.transfers.post({ ...byHand, id: later.transferId })).rejects.toMatchObject(
      refusal('transfer_id_reused'),
    );
  });

  it('a key of a request of another scope, or of another ledger, is another key', async () => {
    const { order } = await requestIn('refused');
    expect(await other.transfers.post({ ...order, scope: 't' })).toMatchObject({ replayed: false });
    const elsewhere = other.inLedger('elsewhere');
    await openWallets(elsewhere, { [order.from]: 10n, b: 0n });
    expect(await elsewhere.transfers.post(order)).toMatchObject({ replayed: false });
  });

  it('a key of a request is answered with the refusal, while the neighbours of its batch post', async () => {
    const { order, requestId } = await requestIn('refused');
    const stored = (await ledger.requests.get(requestId)).refusal;
    const beside = { from: 'a', to: 'b', amount: 1n, currency: 'USD' };
    const [first, refused, last] = await other.transfers.postMany([beside, order, beside]);
    expect([first?.ok, last?.ok]).toEqual([true, true]);
    expect(refused).toEqual({
      ok: false,
      error: refusal(String(stored?.code), {
        message: stored?.message,
        details: { ...stored?.details, transferRequestId: requestId },
        retryable: false,
      }),
    });
  });
});

describe('a key of a transfer', () => {
  const posted = async () => {
    cases += 1;
    const request = { from: 'a', to: 'b', amount: 7n, currency: 'USD', idempotencyKey: `p${cases}` };
    return { request, transfer: await ledger.transfers.post(request) };
  };

  it('a key of a transfer that is requested afterwards settles with the transfer', async () => {
    const { request, transfer } = await posted();
    const { id } = await ledger.requests.submit(request);
    await ledger.requests.processRequests();
    expect(await ledger.requests.get(id)).toMatchObject({ state: 'posted', transferId: transfer.id });
  });

  it('a key of a transfer is refused at once for another request, and stores nothing', async () => {
    const { request, transfer } = await posted();
    const good = { ...request, idempotencyKey: `good ${cases}` };
    const [refused, stored] = await ledger.requests.submitMany([{ ...request, amount: 8n }, good]);
    expect(refused).toEqual({ ok: false, error: refusal('idempotency_key_reused') });
    expect(stored?.ok).toBe(true);
    const { id } = await ledger.requests.submit(request);
    await ledger.requests.processRequests();
    expect(await ledger.requests.get(id)).toMatchObject({ state: 'posted', transferId: transfer.id });
  });

  it.each(['linked', 'hold'] as const)('a key of a transfer of another kind (%s) is refused at once', async (kind) => {
    cases += 1;
    const leg = { from: 'a', to: 'b', amount: 7n, currency: 'USD' };
    const idempotencyKey = `q${cases}`;
    if (kind === 'linked') await ledger.transfers.postLinked([leg], { idempotencyKey });
    else await ledger.holds.place({ ...leg, idempotencyKey });
    await expect(ledger.requests.submit({ ...leg, idempotencyKey })).rejects.toEqual(refusal('idempotency_key_reused'));
  });

  it('a key of a transfer leaves sound books', async () => {
    await ledger.requests.processRequests();
    await expectSound(ledger);
  });
});
