import type { AccountType } from '@micropay/ledger-core';

/** The customer's own side of a line: `credit` is money in. */
export type Direction = 'debit' | 'credit';

/** The other account of a line, which the file does not hold but double entry asks for. */
export interface Counterparty {
  readonly address: string;
  readonly type: AccountType;
  /** A description of the line for people. */
  readonly description: string;
}

/** The description of each operation, by the side of the customer's account that it may be on. */
const OPERATIONS: Readonly<Record<string, Partial<Record<Direction, string>>>> = {
  VKLAD: { credit: 'cash deposit' },
  VYBER: { debit: 'cash withdrawal' },
  'VYBER KARTOU': { debit: 'card withdrawal' },
  'PREVOD Z UCTU': { credit: 'transfer from another bank' },
  'PREVOD NA UCET': { debit: 'transfer to another bank' },
};

/**
 * Finds who pays or receives the other side. Interest and fees are the bank's own expense and income, whatever
 * operation they are booked under; cash and other banks lie outside of the bank's books, in the world.
 */
export function findCounterparty(movement: {
  readonly direction: Direction;
  readonly operation: string;
  readonly purpose: string;
  readonly bank: string;
}): Counterparty | undefined {
  const { direction, operation, purpose, bank } = movement;
  if (purpose === 'UROK' && operation === '' && direction === 'credit') {
    return { address: 'interest:paid', type: 'expense', description: 'interest' };
  }
  const description = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation]?.[direction] : undefined;
  if (description === undefined) return undefined;
  if (purpose === 'SANKC. UROK' && direction === 'debit') {
    return { address: 'interest:penalties', type: 'income', description: 'penalty interest' };
  }
  if (purpose === 'SLUZBY' && direction === 'debit') {
    return { address: 'fees:statements', type: 'income', description: 'fee for statements' };
  }
  if (operation.startsWith('PREVOD')) {
    return { address: `world:banks:${bank || 'unnamed'}`, type: 'asset', description };
  }
  const place = operation === 'VYBER KARTOU' ? 'cards' : 'cash';
  return { address: `world:${place}`, type: 'asset', description };
}
