import { describe, expect, it } from 'vitest';
import { type ErrorDetails, LedgerError } from '../../errors.js';
import { accountRefusal, refusedAccount, withAddress } from './account-refusal.js';

const A = 'account-a';

describe('the refusal of an account', () => {
  it.each<[Parameters<typeof accountRefusal>[0], ErrorDetails, string]>([
    ['account_closed', {}, 'account account-a is closed'],
    ['account_frozen', { side: 'debits' }, 'account account-a is frozen for debits'],
    ['currency_mismatch', { currency: 'USD', asked: 'EUR' }, 'account account-a holds USD, not EUR'],
    [
      'insufficient_funds',
      { available: '4', needed: '5', currency: 'USD' },
      'account account-a has 4 USD available, and 5 is needed',
    ],
    [
      'maximum_exceeded',
      { maximum: '9', room: '4', needed: '5', currency: 'USD' },
      'account account-a may hold at most 9 USD: 4 can still come in, and not 5',
    ],
    ['balance_overflow', {}, 'account account-a would exceed 38 digits'],
    ['account_not_empty', {}, 'account account-a has a balance or holds: bring them to zero first'],
    [
      'limit_broken',
      { limit: 'minimum', value: '3', balance: '2', currency: 'USD' },
      'account account-a has 2 USD less what is held, which is below 3',
    ],
    [
      'limit_broken',
      { limit: 'maximum', value: '3', balance: '4', currency: 'USD' },
      'account account-a has 4 USD with what is held for it, which is above 3',
    ],
  ])('the refusal %s says what its details say: %j', (code, details, message) => {
    expect(accountRefusal(code, { accountId: A, ...details })).toMatchObject({
      code,
      message,
      details: { accountId: A, ...details },
    });
  });

  it('the refusal of an account names it by its address, and the leg, where they are known', () => {
    const refusal = accountRefusal('account_closed', { accountId: A, address: 'users:1', leg: 0 });
    expect(refusal.message).toBe('leg 0: account users:1 is closed');
    expect(withAddress(accountRefusal('account_closed', { accountId: A }), 'users:1')).toMatchObject({
      code: 'account_closed',
      message: 'account users:1 is closed',
      details: { accountId: A, address: 'users:1' },
    });
  });

  it('the refusal of an account keeps an address that it has', () => {
    const refusal = accountRefusal('account_closed', { accountId: A, address: 'users:1' });
    expect(withAddress(refusal, 'users:2').message).toBe('account users:1 is closed');
  });

  it('a refusal that is about no account gets no address', () => {
    const refusal = new LedgerError('same_account', 'both are the same', { accountId: A });
    expect(withAddress(refusal, 'users:1')).toBe(refusal);
  });

  it.each<[string, LedgerError, string | undefined]>([
    ['of an account', accountRefusal('account_closed', { accountId: A }), A],
    ['of another code', new LedgerError('same_account', 'both are the same', { accountId: A }), undefined],
    ['whose account is no text', new LedgerError('account_closed', 'closed', { accountId: 5 }), undefined],
  ])('refusedAccount of a refusal %s', (_case, refusal, account) => {
    expect(refusedAccount(refusal)).toBe(account);
  });
});
