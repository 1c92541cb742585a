import { sql } from 'kysely';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import { useRecoveryCode } from './recovery-codes.js';
import type { FactorOwner, LoginMethod } from './second-factor.js';
import { findTotp, rememberStep, type TotpFactor } from './second-factor-store.js';
import { isTotpCode, totpStepOf } from './totp.js';

/**
 * Uses up a code of an authenticator app or a recovery code, and says which it was; undefined for a wrong one. The caller has locked the user's
 * row, so that of two who send the same code one is right.
 */
export async function useCode(
  transaction: Database,
  owner: FactorOwner,
  code: string,
): Promise<LoginMethod | undefined> {
  if (!isTotpCode(code)) return (await useRecoveryCode(transaction, owner, code)) ? 'recovery_code' : undefined;
  const totp = await findTotp(transaction, owner, { isConfirmed: true });
  const step = totp === undefined ? undefined : await newStepOf(transaction, totp, code);
  if (totp === undefined || step === undefined) return undefined;
  await rememberStep(transaction, owner.ledger, { id: totp.id, step });
  return 'totp';
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
