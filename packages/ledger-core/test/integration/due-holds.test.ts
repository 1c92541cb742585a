import { readFileSync } from 'node:fs';
import { isCatalogueEvent, type Ledger } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { letExpire } from '../support/due.js';
import { type Explained, explainStatements, rowsRead } from '../support/explained.js';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const page = readFileSync(new URL('../../../../docs/reference/holds.md', import.meta.url), 'utf8');
const [, section = ''] = page.split('\n## Before the sweep\n');
const [table = ''] = section.split('\n## ');
const rows = [...table.matchAll(/^\| (.+?) \| (expired|pending) \| .+? \|$/gm)].map(
  ([, reader = '', state = '']) => [reader, state] as const,
);

let ledger: Ledger;
let explained: Explained;
let pairs = 0;

beforeAll(async () => {
  explained = explainStatements(bed.url);
  ledger = bed.ledger({ database: explained.url });
  await ledger.accounts.open({ address: 'world', currency: 'USD' });
});
afterAll(() => explained.stop());

interface Pair {
  readonly payer: string;
  readonly payee: string;
  readonly hold: string;
}

const inAnHour = () => new Date(Date.now() + 3_600_000);

/** 40 of 100 is captured, and the time of the other 60 is over; 5 more are held for longer. */
async function placeDue(): Promise<Pair> {
  pairs += 1;
  const payer = `pair${pairs}:payer`;
  const payee = `pair${pairs}:payee`;
  await openWallets(ledger, { [payer]: 130n, [payee]: 0n });
  const between = { from: payer, to: payee, currency: 'USD' };
  await ledger.holds.place({ ...between, amount: 5n, expiresAt: inAnHour() });
  const { id: hold } = await ledger.holds.place({ ...between, amount: 100n, expiresAt: inAnHour() });
  await ledger.holds.capture(hold, { amount: 40n });
  await letExpire(bed, hold);
  return { payer, payee, hold };
}

interface Pending {
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
}

const EXPIRED = { pendingIn: 5n, pendingOut: 5n };
const UNSWEPT = { pendingIn: 65n, pendingOut: 65n };

/** Both sides as a reader shows them. */
async function sidesBy(
  read: (address: string) => Promise<Pending>,
  { payer, payee }: Pair,
): Promise<{ pendingIn: bigint; pendingOut: bigint }> {
  return { pendingOut: (await read(payer)).pendingOut, pendingIn: (await read(payee)).pendingIn };
}

const only = <Value>([value]: readonly Value[]) => value as Value;

/** By the first cell of the row. */
const READERS: Readonly<Record<string, (pair: Pair) => Promise<Pending>>> = {
  '`accounts.get`': (pair) => sidesBy(ledger.accounts.get, pair),
  async "`accounts.get` in a caller's transaction"(pair) {
    const client = await bed.connect();
    await client.query('begin');
    const sides = await sidesBy(ledger.within(fromPg(client)).accounts.get, pair);
    await client.query('rollback');
    return sides;
  },
  '`accounts.list`': (pair) => sidesBy(async (prefix) => only((await ledger.accounts.list({ prefix })).data), pair),
  async 'the results of `accounts.ensure`, `freeze` and `unfreeze`'(pair) {
    const found = [
      await sidesBy((address) => ledger.accounts.ensure({ address, currency: 'USD' }), pair),
      await sidesBy((address) => ledger.accounts.freeze(address), pair),
      await sidesBy((address) => ledger.accounts.unfreeze(address), pair),
    ];
    expect(new Set(found.map(String)).size).toBe(1);
    return only(found);
  },
  '`accounts.aggregate`': async (pair) => ({
    ...only(await ledger.accounts.aggregate({ path: pair.payer.split(':')[0] ?? '', depth: 1 })),
  }),
  '`holds.get`': async ({ hold }) => pendingOfHold((await ledger.holds.get(hold)).remaining),
  '`holds.list` with `openOnly`': async ({ payer, hold }) => {
    const { data } = await ledger.holds.list(payer, { openOnly: true });
    return pendingOfHold(data.find(({ id }) => id === hold)?.remaining ?? 0n);
  },
  async '`accounts.setLimits`'(pair) {
    await ledger.accounts.setLimits(pair.payer, { minimum: 85n });
    await ledger.accounts.setLimits(pair.payee, { maximum: 45n });
    return sidesBy(ledger.accounts.get, pair);
  },
  async '`accounts.close`'({ payer, payee }) {
    await openWallets(ledger, { [`${payer}:empty`]: 10n });
    const between = { from: `${payer}:empty`, to: payee, currency: 'USD' };
    const { id } = await ledger.holds.place({ ...between, amount: 10n, expiresAt: inAnHour() });
    await letExpire(bed, id);
    await ledger.transfers.post({ ...between, to: 'world', amount: 10n });
    expect((await ledger.accounts.close(`${payer}:empty`)).status).toBe('closed');
    return EXPIRED;
  },
  '`accounts.balanceAt`': (pair) =>
    sidesBy((address) => ledger.accounts.balanceAt(address, { at: inAnHour(), by: 'recorded' }), pair),
  async '`fromBalance` and `toBalance` of a transfer'({ payer, payee }) {
    const { fromBalance, toBalance } = await ledger.transfers.post({
      from: payer,
      to: payee,
      amount: 1n,
      currency: 'USD',
    });
    return { pendingOut: fromBalance.pendingOut, pendingIn: toBalance.pendingIn };
  },
  '`accounts.entries`': (pair) =>
    sidesBy(async (address) => only((await ledger.accounts.entries(address, { limit: 1 })).data), pair),
  async 'the event `balance.changed`'({ payer, payee }) {
    const controller = new AbortController();
    const delivered = await ledger.events.subscribe({ signal: controller.signal });
    await ledger.transfers.post({ from: payer, to: payee, amount: 1n, currency: 'USD' });
    for await (const events of delivered) {
      const changed = events.flatMap((event) =>
        isCatalogueEvent(event) && event.type === 'balance.changed.v1' ? [event.data] : [],
      );
      if (changed.length === 0) continue;
      const of = (address: string) => changed.find((data) => data.address === address);
      return { pendingOut: BigInt(of(payer)?.pendingOut ?? 0), pendingIn: BigInt(of(payee)?.pendingIn ?? 0) };
    }
    throw new Error('no event came');
  },
};

/** Beside the 5 that are held still. */
function pendingOfHold(remaining: bigint): Pending {
  return { pendingIn: 5n + remaining, pendingOut: 5n + remaining };
}

describe('before the sweep', () => {
  it('the table of due holds has a test for each row', () => {
    expect(rows.map(([reader]) => reader)).toEqual(Object.keys(READERS));
  });

  it.each(rows)('%s tells that a hold that is due is %s', async (reader, state) => {
    const pair = await placeDue();
    const read = READERS[reader];
    expect(read).toBeDefined();
    const { pendingIn, pendingOut } = (await read?.(pair)) ?? UNSWEPT;
    expect({ pendingIn, pendingOut }).toEqual(state === 'expired' ? EXPIRED : UNSWEPT);
  });

  it('a payer with due holds can spend what a reader shows, and no more', async () => {
    const { payer } = await placeDue();
    const { available } = await ledger.accounts.get(payer);
    expect(available).toBe(85n);
    const pay = (amount: bigint) => ledger.transfers.post({ from: payer, to: 'world', amount, currency: 'USD' });
    await expect(pay(86n)).rejects.toEqual(refusal('insufficient_funds'));
    await pay(85n);
    expect(await ledger.accounts.get(payer)).toMatchObject({ available: 0n, pendingOut: 5n });
  });

  it('due holds of debit-normal accounts count on their own sides', async () => {
    await ledger.accounts.open({ address: 'till', currency: 'USD', type: 'asset', minimum: null });
    const { payer } = await placeDue();
    const toTill = { from: payer, to: 'till', amount: 7n, currency: 'USD', expiresAt: inAnHour() };
    const { id } = await ledger.holds.place({ ...toTill, from: 'till', to: payer });
    expect(await ledger.accounts.get('till')).toMatchObject({ pendingIn: 7n, pendingOut: 0n });
    await letExpire(bed, id);
    expect(await ledger.accounts.get('till')).toMatchObject({ pendingIn: 0n, pendingOut: 0n });
  });

  it.each(['close', 'setLimits'] as const)('%s says that it is busy while the other side is locked', async (change) => {
    const { payer, hold } = await placeDue();
    const patient = bed.ledger({ capacity: { accountBusyTimeoutMs: 300, lockTimeoutMs: 50 } });
    const { to } = await ledger.holds.get(hold);
    const holder = await bed.connect();
    await holder.query('begin');
    await holder.query('select from micropay.balances where account_id = $1 for update', [to]);
    const changed =
      change === 'close' ? patient.accounts.close(payer) : patient.accounts.setLimits(payer, { minimum: 30n });
    await expect(changed).rejects.toEqual(refusal('account_busy'));
    // A change that the hold does not concern does not wait for it.
    expect((await patient.accounts.setLimits(payer, { maximum: 1_000n })).maximum).toBe(1_000n);
    expect((await patient.accounts.freeze(payer)).status).toBe('frozen');
    await holder.query('rollback');
  });

  it('due holds leave a ledger that verifies', () => expectSound(ledger));
});

describe('reading', () => {
  const HOLDS = 3_000;

  let young: Ledger;

  /** Open holds that nobody has swept, of other accounts. */
  const fillOthers = (inLedger: string) =>
    bed.sql(
      `insert into micropay.holds (ledger, id, from_account, to_account, currency, amount, captured, remaining, state, expires_at)
       select l.id, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'USD', 1, 0, 1, 'open', now() - interval '1 day'
       from generate_series(1, ${HOLDS}) n, micropay.ledgers l where l.name = $1`,
      [inLedger],
    );

  beforeAll(async () => {
    await bed.sql('alter table micropay.holds set (autovacuum_enabled = off)');
    await fillOthers('main');
    await bed.sql('analyze micropay.holds');
    // Younger than the statistics: what is due in it is known to nobody.
    young = bed.ledger({ database: explained.url, name: 'young' });
    await openWallets(young, { 'many:payer': 1n, 'many:payee': 0n, 'many:quiet': 1n });
    await fillOthers('young');
    // Ended ones, and open ones whose time is not over, among which seven are due.
    await bed.sql(
      `insert into micropay.holds (ledger, id, from_account, to_account, currency, amount, captured, remaining, state, expires_at)
       select f.ledger, gen_random_uuid(), f.id, t.id, 'USD', 1, 0, case when n % 3 = 0 then 0 else 1 end,
         (case when n % 3 = 0 then 'expired' else 'open' end)::micropay.hold_state,
         case when n % 3 = 0 or n <= 10 then now() - interval '1 day' else now() + interval '1 day' end
       from generate_series(1, ${HOLDS}) n, micropay.accounts f, micropay.accounts t
       where f.address = 'many:payer' and t.address = 'many:payee'`,
    );
    await bed.sql(
      `update micropay.balances b set debits_pending = case when address = 'many:payer' then ${(HOLDS * 2) / 3} else 0 end,
         credits_pending = case when address = 'many:payee' then ${(HOLDS * 2) / 3} else 0 end, minimum = null,
         maximum = case when address = 'many:payee' then ${(HOLDS * 2) / 3} end
       from micropay.accounts a where a.id = b.account_id and address like 'many:%'`,
    );
  });

  describe.each(['older than the ledger', 'of now'])('with statistics that are %s', (state) => {
    beforeAll(async () => {
      if (state === 'of now') await bed.sql('analyze micropay.holds');
    });

    it.each<[string, () => Promise<unknown>, number]>([
      ['an account', () => young.accounts.get('many:payer'), 7],
      ['the payee', () => young.accounts.get('many:payee'), 7],
      ['an account without holds', () => young.accounts.get('many:quiet'), 0],
      ['a page of accounts', () => young.accounts.list({ prefix: 'many:' }), 14],
      ['a total', () => young.accounts.aggregate({ path: 'many' }), 14],
    ])('%s reads the holds of it that are due, and no others', async (_, read, most) => {
      const nodes = await explained.nodesOf(read);
      expect(rowsRead(nodes, 'holds')).toBeLessThanOrEqual(most);
      // Without anything pending it is not even planned for.
      expect(nodes.some((node) => node['Relation Name'] === 'holds')).toBe(most > 0);
    });

    it.each<[string, () => Promise<unknown>]>([
      ['a change of limits', () => young.accounts.setLimits('many:payer', { maximum: null })],
      [
        'a refusal',
        () =>
          expect(
            young.transfers.post({ from: 'world', to: 'many:payee', amount: 9n, currency: 'USD' }),
          ).rejects.toEqual(refusal('maximum_exceeded')),
      ],
      ['a page of open holds', () => young.holds.list('many:payer', { openOnly: true, limit: 20 })],
    ])('%s reads no holds of others', async (_, work) => {
      expect(rowsRead(await explained.nodesOf(work), 'holds')).toBeLessThan(100);
    });
  });
});
