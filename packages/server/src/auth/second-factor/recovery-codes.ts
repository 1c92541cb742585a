import { randomBytes } from 'node:crypto';
import type { Database } from '../../database/connect.js';
import { hashSecret } from '../secret.js';
import type { FactorOwner } from './second-factor.js';

export const RECOVERY_CODES = 10;
/** 80 bits: too many to guess, and to find by a hash without salt. */
const CODE_BYTES = 10;
/** As in RFC 4648, in lower case: none of its characters looks like another. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const BITS_PER_CHARACTER = 5;
const GROUP_LENGTH = 4;

/** Replaces the recovery codes of a user. Returns the new ones, which are stored as hashes and cannot be shown again. */
export async function replaceRecoveryCodes(transaction: Database, owner: FactorOwner): Promise<readonly string[]> {
  await removeRecoveryCodes(transaction, owner);
  const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
  const { ledger, userId } = owner;
  await transaction
    .insertInto('recovery_codes')
    .values(codes.map((code) => ({ ledger, user_id: userId, code_hash: hashSecret(plain(code)) })))
    .execute();
  return codes;
}

/** Uses up a code. False for one that is not of this user, or was used. */
export async function useRecoveryCode(transaction: Database, owner: FactorOwner, code: string): Promise<boolean> {
  const { numDeletedRows } = await transaction
    .deleteFrom('recovery_codes')
    .where('ledger', '=', owner.ledger)
    .where('user_id', '=', owner.userId)
    .where('code_hash', '=', hashSecret(plain(code)))
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function countRecoveryCodes(database: Database, { ledger, userId }: FactorOwner): Promise<number> {
  const rows = await database
    .selectFrom('recovery_codes')
    .select('user_id')
    .where('ledger', '=', ledger)
    .where('user_id', '=', userId)
    .execute();
  return rows.length;
}

export async function removeRecoveryCodes(transaction: Database, { ledger, userId }: FactorOwner): Promise<void> {
  await transaction.deleteFrom('recovery_codes').where('ledger', '=', ledger).where('user_id', '=', userId).execute();
}

/** Four groups of four characters, such as `k3vq-7m2a-xw5d-p6tn`. */
export function newRecoveryCode(): string {
  let bits = 0n;
  for (const byte of randomBytes(CODE_BYTES)) bits = bits * 256n + BigInt(byte);
  const length = (CODE_BYTES * 8) / BITS_PER_CHARACTER;
  const characters = Array.from({ length }, (_, index) =>
    ALPHABET.charAt(Number((bits >> BigInt(BITS_PER_CHARACTER * index)) % BigInt(ALPHABET.length))),
  );
  const groups = Array.from({ length: length / GROUP_LENGTH }, (_, group) =>
    characters.slice(group * GROUP_LENGTH, (group + 1) * GROUP_LENGTH).join(''),
  );
  return groups.join('-');
}

/** A code however it was typed. */
function plain(code: string): string {
  return code.replaceAll(/[\s-]/g, '').toLowerCase();
}
