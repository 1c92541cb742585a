import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import type { FactorOwner } from './second-factor.js';
import { findTotp, rememberUse, type TotpFactor } from './second-factor-store.js';
import { totpStepOf } from './totp.js';

/**
 * Uses up a code of the user's authenticator app; false for a wrong one. The caller has locked the user's row, so that of two who send the
 * same code one is right.
 */
export async function useTotpCode(transaction: Database, owner: FactorOwner, code: string): Promise<boolean> {
  const totp = await findTotp(transaction, owner, { isConfirmed: true });
  const step = totp === undefined ? undefined : await newStepOf(transaction, totp, code);
  if (totp === undefined || step === undefined) return false;
  await rememberUse(transaction, owner.ledger, { id: totp.id, last_step: step });
  return true;
}

/**
 * The step of a right code that is newer than the last one: a code works once, and none works again after a clock was set back. The time is the
 * database's, which is the same for all processes.
 */
export async function newStepOf(
  transaction: Database,
  { secret, lastStep }: TotpFactor,
  code: string,
): Promise<number | undefined> {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from clock_timestamp())::float8 as seconds`.execute(transaction);
  const step = totpStepOf(secret, code, Number(rows[0]?.seconds));
  return step !== undefined && step > lastStep ? step : undefined;
}

export function codeWrong(): ProblemError {
  return new ProblemError('code_wrong', 'the code is wrong, or was used before');
}
