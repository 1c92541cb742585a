import { recordAct } from '../../audit/record-act.js';
import type { Database } from '../../database/connect.js';
import { userGone } from '../../errors/token-refused.js';
import type { Act } from '../../identity/act.js';
import type { UserId } from '../../identity/user-id.js';
import type { User } from '../../users/user.js';
import { userMissing } from '../../users/user-id-in.js';
import { lockUser } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { lockUnchanged } from '../change-password.js';
import type { ProvenUser } from '../check-own-password.js';
import {
  recoveryCodesRenewed,
  secondFactorAdded,
  secondFactorRemoved,
  secondFactorsRemovedByOperator,
} from '../notices.js';
import { countRecoveryCodes, replaceRecoveryCodes } from './recovery-codes.js';
import type { SecondFactor } from './second-factor.js';
import {
  addUnconfirmed,
  confirmTotp,
  eraseSecondFactors,
  findTotp,
  listSecondFactors,
  removeSecondFactor,
  secondFactorMissing,
} from './second-factor-store.js';
import { newTotpSecret } from './totp.js';
import { codeWrong, newStepOf } from './use-totp-code.js';

export interface ConfirmedSecondFactor {
  readonly secondFactor: SecondFactor;
  /** Of the first second factor; else empty. */
  readonly recoveryCodes: readonly string[];
}

type ChangeServices = Pick<AuthServices, 'database' | 'ledger' | 'mails'>;

/**
 * Adds an authenticator app to a user who has just proved to know the password. It counts once it has given a right code.
 *
 * @returns the secret, which cannot be shown again
 * @throws {ProblemError} `password_wrong` if another request has changed it meanwhile
 */
export async function enrolTotp({ database, ledger }: ChangeServices, user: ProvenUser, name: string): Promise<Buffer> {
  const secret = newTotpSecret();
  await database.transaction().execute(async (transaction) => {
    await lockUnchanged(transaction, ledger.name, user);
    await addUnconfirmed(
      transaction,
      { ledger: ledger.name, userId: user.id },
      { kind: 'totp', name, secret, last_step: 0 },
    );
  });
  return secret;
}

/**
 * Lets the authenticator app that waits for it count, in place of an earlier one, and tells the user by mail.
 *
 * @returns it, with the recovery codes if these are the first
 * @throws {ProblemError} `second_factor_not_found`, `code_wrong`
 */
export function confirmEnrolment(
  { database, ledger, mails }: ChangeServices,
  userId: UserId,
  code: string,
): Promise<ConfirmedSecondFactor> {
  const owner = { ledger: ledger.name, userId };
  return database.transaction().execute(async (transaction) => {
    const user = await lockUser(transaction, ledger.name, userId);
    if (user === undefined) throw userGone();
    const totp = await findTotp(transaction, owner, { isConfirmed: false });
    if (totp === undefined) throw secondFactorMissing();
    const step = await newStepOf(transaction, totp, code);
    if (step === undefined) throw codeWrong();
    const secondFactor = await confirmTotp(transaction, owner, { id: totp.id, step });
    return finishEnrolment({ ledger, mails }, transaction, { user, secondFactor });
  });
}

/** Tells a user of a second factor that counts from now on, and makes recovery codes if there are none. */
export async function finishEnrolment(
  { ledger, mails }: Pick<ChangeServices, 'ledger' | 'mails'>,
  transaction: Database,
  { user, secondFactor }: { readonly user: User; readonly secondFactor: SecondFactor },
): Promise<ConfirmedSecondFactor> {
  const owner = { ledger: ledger.name, userId: user.id };
  const hasCodes = (await countRecoveryCodes(transaction, owner)) > 0;
  if (user.email !== null) await mails.add(transaction, secondFactorAdded(user.id, user.email));
  return { secondFactor, recoveryCodes: hasCodes ? [] : await replaceRecoveryCodes(transaction, owner) };
}

/**
 * Removes a second factor of a user who has just proved to know the password, and tells them by mail.
 *
 * @throws {ProblemError} `second_factor_not_found`; `password_wrong` if another request has changed it meanwhile
 */
export async function removeOwnSecondFactor(
  { database, ledger, mails }: ChangeServices,
  user: ProvenUser,
  id: string,
): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    await lockUnchanged(transaction, ledger.name, user);
    await removeSecondFactor(transaction, { ledger: ledger.name, userId: user.id }, id);
    await mails.add(transaction, secondFactorRemoved(user.id, user.email));
  });
}

/**
 * Makes new recovery codes for a user who has just proved to know the password, and tells them by mail; the old ones end.
 *
 * @throws {ProblemError} `second_factor_not_found` for a user who has none
 */
export function renewRecoveryCodes(
  { database, ledger, mails }: ChangeServices,
  user: ProvenUser,
): Promise<readonly string[]> {
  const owner = { ledger: ledger.name, userId: user.id };
  return database.transaction().execute(async (transaction) => {
    await lockUnchanged(transaction, ledger.name, user);
    if ((await listSecondFactors(transaction, owner)).length === 0) throw secondFactorMissing();
    await mails.add(transaction, recoveryCodesRenewed(user.id, user.email));
    return replaceRecoveryCodes(transaction, owner);
  });
}

/**
 * Removes every second factor of a user who has lost them, records the act, and tells the user by mail; may be called again.
 *
 * @throws {ProblemError} `user_not_found`
 */
export async function removeSecondFactorsOf(
  { database, ledger, mails }: ChangeServices,
  userId: UserId,
  act: Act,
): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    const user = await lockUser(transaction, ledger.name, userId);
    if (user === undefined) throw userMissing();
    await eraseSecondFactors(transaction, { ledger: ledger.name, userId });
    await recordAct(transaction, ledger.name, { ...act, subject: userId });
    if (user.email !== null) await mails.add(transaction, secondFactorsRemovedByOperator(user.id, user.email));
  });
}
