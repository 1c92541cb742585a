import { violates } from '../../database/violates.js';
import { ProblemError } from '../../errors/problem.js';
import { userGone } from '../../errors/token-refused.js';
import type { UserId } from '../../identity/user-id.js';
import { shownEmail } from '../../users/email.js';
import { lockUser } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { lockUnchanged } from '../change-password.js';
import type { ProvenUser } from '../check-own-password.js';
import { type ConfirmedSecondFactor, finishEnrolment } from './change-second-factors.js';
import type { RegistrationResponse } from './passkey-json.js';
import { addPasskey, confirmPasskey, listPasskeys, takeCreationChallenge } from './passkey-store.js';
import { creationOptions, newPasskeyChallenge, readCreated } from './passkeys.js';
import type { PasskeySettings, SecondFactorSettings } from './second-factor.js';
import { ENROLMENT_LIFETIME_S, secondFactorMissing } from './second-factor-store.js';

type PasskeyServices = Pick<AuthServices, 'database' | 'ledger' | 'mails' | 'secondFactors'>;

/** @throws {ProblemError} `passkeys_off` where no page of this service can have passkeys */
export function requirePasskeys({ passkeys }: SecondFactorSettings): PasskeySettings {
  if (passkeys !== undefined) return passkeys;
  throw new ProblemError('passkeys_off', 'this server has no passkeys: its operator has not set PASSKEY_ORIGINS');
}

/**
 * Adds a passkey to a user who has just proved to know the password. It counts once the browser has made it.
 *
 * @returns what the browser makes it by
 * @throws {ProblemError} `too_many_second_factors`, `passkeys_off`; `password_wrong` if another request has changed it meanwhile
 */
export async function enrolPasskey(
  { database, ledger, secondFactors }: PasskeyServices,
  user: ProvenUser,
  name: string,
) {
  const passkeys = requirePasskeys(secondFactors);
  const challenge = newPasskeyChallenge();
  const owner = { ledger: ledger.name, userId: user.id };
  const existing = await database.transaction().execute(async (transaction) => {
    await lockUnchanged(transaction, ledger.name, user);
    const listed = await listPasskeys(transaction, owner);
    await addPasskey(transaction, owner, { name, challenge, countNow: listed.length });
    return listed;
  });
  return creationOptions(
    { passkeys, serviceName: secondFactors.serviceName },
    {
      user: { id: user.id, name: shownEmail(user.email) },
      challenge,
      existing,
      timeoutMs: ENROLMENT_LIFETIME_S * 1_000,
    },
  );
}

/**
 * Lets the passkey count that a browser has made, and tells the user by mail.
 *
 * @returns it, with the recovery codes if these are the first
 * @throws {ProblemError} `second_factor_not_found`, `passkey_refused`, `passkeys_off`
 */
export async function confirmPasskeyEnrolment(
  services: PasskeyServices,
  userId: UserId,
  response: RegistrationResponse,
): Promise<ConfirmedSecondFactor> {
  const { database, ledger } = services;
  const passkeys = requirePasskeys(services.secondFactors);
  const owner = { ledger: ledger.name, userId };
  const confirmed = await database
    .transaction()
    .execute(async (transaction) => {
      const user = await lockUser(transaction, ledger.name, userId);
      if (user === undefined) throw userGone();
      const pending = await takeCreationChallenge(transaction, owner);
      if (pending === undefined) throw secondFactorMissing();
      const passkey = await readCreated(passkeys, { response, challenge: pending.challenge });
      const secondFactor = passkey && (await confirmPasskey(transaction, ledger.name, { id: pending.id, passkey }));
      // That the challenge was used has to be committed, so that the refusal comes later.
      if (secondFactor === undefined) return undefined;
      return finishEnrolment(services, transaction, { user, secondFactor });
    })
    .catch((error: unknown) => {
      // Somebody else confirmed the same passkey in the same moment.
      throw violates(error, 'second_factors_credential') ? passkeyRefused() : error;
    });
  if (confirmed === undefined) throw passkeyRefused();
  return confirmed;
}

export function passkeyRefused(): ProblemError {
  return new ProblemError('passkey_refused', 'the response of the passkey is not valid here: ask the browser again');
}
