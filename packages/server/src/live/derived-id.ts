import { hash } from 'node:crypto';
import type { LedgerEvent } from '@micropay/ledger-core';

/** A UUID made of what names something for ever that comes of an event: written again after a crash, it is the same one. */
export function derivedId({ ledger, id }: Pick<LedgerEvent, 'ledger' | 'id'>, ...names: readonly string[]): string {
  const digits = hash('sha256', [ledger, id, ...names].join('\n'), 'hex');
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-');
}
