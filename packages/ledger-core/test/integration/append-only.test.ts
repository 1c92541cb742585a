import { beforeAll, describe, expect, it } from 'vitest';
import { expectSound, openWallets, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();

beforeAll(async () => {
  await openWallets(bed.ledger(), { alice: 100n });
});

/** SQLSTATE of `restrict_violation`. */
const REFUSED = { code: '23001' };

describe('a superuser’s hand', () => {
  it.each([
    'update micropay.transfers set amount = amount',
    'update micropay.transfers set description = null where false',
    'delete from micropay.transfers',
    'delete from micropay.transfers where false',
    'truncate micropay.transfers',
    'truncate micropay.transfers cascade',
    'delete from micropay.entries',
    'update micropay.transfer_keys set position = 1',
    'delete from micropay.transfer_keys',
    'truncate micropay.transfer_keys',
    `update micropay.events set data = '{}'`,
    'truncate micropay.events',
    'delete from micropay.accounts',
    'truncate micropay.accounts cascade',
    'delete from micropay.balances',
    'truncate micropay.balances',
    `update micropay.accounts set currency = 'EUR'`,
    `update micropay.accounts set address = 'another' where address = 'alice'`,
    `update micropay.accounts set type = 'asset' where address = 'alice'`,
    'update micropay.accounts set id = gen_random_uuid()',
    'update micropay.accounts set ledger = ledger + 1',
    'update micropay.accounts set opened_at = now()',
  ])('a superuser’s hand is refused: %s', async (statement) => {
    // Views with "union all" cannot be written to at all: 55000.
    const refused = statement.includes('entries') ? { code: '55000' } : REFUSED;
    await expect(bed.sql(statement)).rejects.toMatchObject(refused);
  });

  it.each([
    ['a balance below its minimum', 'update micropay.balances set debits_posted = 1000 where minimum = 0'],
    ['a balance above its maximum', 'update micropay.balances set maximum = 99 where minimum = 0'],
    ['negative totals', 'update micropay.balances set debits_posted = -1'],
    ['a transfer of nothing', insertTransfer({ amount: '0', to: 'gen_random_uuid()' })],
    ['a transfer of less than nothing', insertTransfer({ amount: '-1', to: 'gen_random_uuid()' })],
    ['a transfer to oneself', insertTransfer({ amount: '1', to: 'from_account' })],
    [
      'an account in a currency that the ledger does not use',
      `insert into micropay.accounts (ledger, id, address, type,
       currency, opened_at) select ledger, gen_random_uuid(), 'b', type, 'EUR', now() from micropay.accounts`,
    ],
  ])('a superuser’s hand cannot write %s', async (_, statement) => {
    await expect(bed.sql(statement)).rejects.toMatchObject({ code: expect.stringMatching(/^23/) });
  });

  it('a superuser’s hand may change the metadata of an account', async () => {
    await bed.sql(`update micropay.accounts set metadata = '{"erased": true}' where address = 'alice'`);
    expect((await bed.ledger().accounts.get('alice')).metadata).toEqual({ erased: true });
  });

  it('a superuser’s hand has changed nothing else', async () => {
    await expectSound(bed.ledger());
  });
});

function insertTransfer({ amount, to }: { readonly amount: string; readonly to: string }): string {
  return `insert into micropay.transfers (recorded_at, from_version, to_version, ledger, kind, id, from_account,
      to_account, currency, amount, from_posted, to_posted)
    select recorded_at, 99, 99, ledger, kind, gen_random_uuid(), from_account, ${to}, currency, ${amount}, 0, 0
    from micropay.transfers`;
}
