import {
  createLedger,
  LEDGER_ERROR_CODES,
  type Ledger,
  LedgerError,
  type LedgerErrorCode,
  migrate,
  type PostTransfer,
  statementCamt053,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { openWallets, useTestBed } from '../support/test-bed.js';
import { writeUnknownEvent } from '../support/unreadable-rows.js';

const bed = useTestBed();
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { alice: 100n, bob: 0n });
  await ledger.accounts.open({ address: 'frozen', currency: 'USD' });
  await ledger.accounts.freeze('frozen');
  await ledger.accounts.open({ address: 'closed', currency: 'USD' });
  await ledger.accounts.close('closed');
  await ledger.accounts.open({ address: 'small', currency: 'USD', maximum: 5n });
  await ledger.accounts.open({ address: 'euro', currency: 'EUR', minimum: null });
});

const pay = (part: Partial<PostTransfer> = {}): PostTransfer => ({
  from: 'alice',
  to: 'bob',
  amount: 1n,
  currency: 'USD',
  ...part,
});
const post = (part: Partial<PostTransfer>) => ledger.transfers.post(pay(part));

/**
 * One way to meet each refusal as a caller does. A code that is added does not compile until it is here, and
 * the other tests of this folder say more of it.
 */
const WAYS: Record<LedgerErrorCode, () => Promise<unknown>> = {
  invalid_request: () => post({ from: '' }),
  invalid_amount: () => post({ amount: 0n }),
  invalid_address: () => ledger.accounts.open({ address: 'a b', currency: 'USD' }),
  invalid_cursor: () => ledger.accounts.entries('alice', { cursor: 'here' }),
  unknown_currency: () => ledger.accounts.open({ address: 'a', currency: 'POINTS' }),
  unknown_time_zone: () => ledger.setTimeZone('Mars/Olympus'),
  filter_too_broad: () => ledger.transfers.list({ words: 'lunch' }),
  invalid_period: () => ledger.accounts.statement('alice', { from: '2026-03-02', to: '2026-03-01' }),
  currency_scale_fixed: () => ledger.currencies.register({ code: 'USD', scale: 4 }),
  too_many_legs: () => ledger.transfers.postLinked([]),
  async ledger_closed() {
    const closed = bed.ledger();
    await closed.close();
    return closed.transfers.post(pay());
  },
  overloaded() {
    const small = bed.ledger({ capacity: { queueMax: 1 } });
    return Promise.all([small.transfers.post(pay()), small.transfers.post(pay())]);
  },
  async idempotency_key_reused() {
    await post({ idempotencyKey: 'k' });
    return post({ idempotencyKey: 'k', amount: 2n });
  },
  async transfer_id_reused() {
    const { id } = await post({});
    return post({ id });
  },
  account_not_found: () => post({ to: 'nobody' }),
  transfer_not_found: () => ledger.transfers.get('0190b7c4-0000-7000-8000-000000000001'),
  hold_not_found: () => ledger.holds.get('0190b7c4-0000-7000-8000-000000000001'),
  async not_reversible() {
    const { id } = await ledger.holds.place(pay());
    return ledger.transfers.reverse(id);
  },
  async hold_closed() {
    const { id } = await ledger.holds.place(pay());
    await ledger.holds.release(id);
    return ledger.holds.capture(id);
  },
  expiry_in_past: () => ledger.holds.place({ ...pay(), expiresAt: new Date(0) }),
  async effective_before_original() {
    const { id } = await post({});
    return ledger.transfers.reverse(id, { effectiveAt: new Date(0) });
  },
  async capture_exceeds_hold() {
    const { id } = await ledger.holds.place(pay());
    return ledger.holds.capture(id, { amount: 2n });
  },
  async reversal_exceeds_transfer() {
    const { id } = await post({});
    return ledger.transfers.reverse(id, { amount: 2n });
  },
  account_not_empty: () => ledger.accounts.close('alice'),
  limit_broken: () => ledger.accounts.setLimits('alice', { maximum: 1n }),
  transfer_request_not_found: () => ledger.requests.get('0190b7c4-0000-7000-8000-000000000001'),
  async events_gone() {
    const own = bed.ledger();
    await bed.sql(
      'insert into micropay.event_retention (ledger, deleted_through) select ledger, max(position) from micropay.events group by ledger',
    );
    for await (const _ of await own.events.subscribe({ after: 0n }));
  },
  account_exists: () => ledger.accounts.open({ address: 'alice', currency: 'USD' }),
  same_account: () => post({ to: 'alice' }),
  async format_unsuitable() {
    const own = bed.ledger();
    await own.currencies.register({ code: 'GOLD', scale: 6 });
    await own.accounts.open({ address: 'gold', currency: 'GOLD' });
    const statement = await own.accounts.statement('gold', { from: '2026-01-01', to: '2026-02-01' });
    for await (const _ of statementCamt053(statement));
  },
  currency_mismatch: () => post({ to: 'euro' }),
  account_closed: () => post({ to: 'closed' }),
  account_frozen: () => post({ to: 'frozen' }),
  async balance_overflow() {
    const large = { from: 'world', to: 'bob', amount: 10n ** 38n - 1n };
    return post(large);
  },
  insufficient_funds: () => post({ amount: 1_000n }),
  maximum_exceeded: () => post({ to: 'small', amount: 6n }),
  async account_busy() {
    const holder = await bed.connect();
    await holder.query('begin');
    await holder.query('select from micropay.balances for update');
    const hasty = bed.ledger({ capacity: { accountBusyTimeoutMs: 100 } });
    return hasty.transfers.post(pay()).finally(() => holder.query('rollback'));
  },
  async transaction_conflict() {
    // Two transactions that each hold what the other one wants.
    await openWallets(ledger, { c1: 5n, c2: 0n, d1: 5n, d2: 0n });
    const pairs = [
      { from: 'c1', to: 'c2' },
      { from: 'd1', to: 'd2' },
    ];
    const clients = [await bed.connect(), await bed.connect()];
    const inside = clients.map((client) => ledger.within(fromPg(client)).transfers);
    await Promise.all(clients.map((client) => client.query('begin')));
    await Promise.all(inside.map((transfers, index) => transfers.post(pay(pairs[index]))));
    const crossing = inside.map((transfers, index) =>
      transfers.post(pay(pairs[1 - index])).finally(() => clients[index]?.query('rollback')),
    );
    const [refused] = (await Promise.allSettled(crossing)).filter(({ status }) => status === 'rejected');
    throw (refused as PromiseRejectedResult).reason;
  },
  async transaction_isolation() {
    return ledger.within(fromPg(await bed.connect())).transfers.post(pay());
  },
  async outcome_unknown() {
    const proxy = await startTcpProxy(bed.url);
    const behind = bed.ledger({ database: proxy.url });
    await behind.accounts.get('alice');
    proxy.onNextCommit = 'swallow';
    try {
      return await behind.accounts.open({ address: 'perhaps', currency: 'USD' });
    } finally {
      await behind.close();
      await proxy.close();
    }
  },
  database_unavailable() {
    const url = new URL(bed.url);
    url.port = '1';
    return createLedger({ database: url.href }).check();
  },
  database_misconfigured() {
    const url = new URL(bed.url);
    url.pathname = '/missing';
    return createLedger({ database: url.href }).check();
  },
  async journal_full() {
    await migrate({ database: bed.url, schema: 'full' });
    const full = bed.ledger({ schema: 'full' });
    await openWallets(full, { alice: 0n });
    await bed.sql(`select setval('"full".event_position', 100000000)`);
    return full.transfers.post({ from: 'world', to: 'alice', amount: 1n, currency: 'USD' });
  },
  async internal_error() {
    await bed.sql(`create function refuse_thirteen() returns trigger language plpgsql as
      $$ begin if new.amount = 13 then raise 'not thirteen'; end if; return new; end $$`);
    await bed.sql(
      'create trigger thirteen before insert on micropay.transfers for each row execute function refuse_thirteen()',
    );
    const [result] = await bed
      .ledger()
      .transfers.postMany([{ from: 'world', to: 'alice', amount: 13n, currency: 'USD' }]);
    if (result?.ok === false) throw result.error;
  },
  async event_unreadable() {
    const position = await writeUnknownEvent(bed, 'main');
    for await (const _ of await bed.ledger().events.subscribe({ after: position - 1n }));
  },
  schema_outdated: () => bed.ledger({ schema: 'nothing' }).check(),
  async schema_newer() {
    await migrate({ database: bed.url, schema: 'newer' });
    await bed.sql(`insert into newer.migrations values ('ledger-core', '9999-future.sql', false)`);
    return bed.ledger({ schema: 'newer' }).check();
  },
};

describe('every code', () => {
  it.each(LEDGER_ERROR_CODES)('%s can be met', async (code) => {
    const error = await WAYS[code]().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LedgerError);
    expect((error as LedgerError).code).toBe(code);
  });
});
