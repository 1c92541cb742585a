import type { Database } from '../../database/connect.js';
import type { User } from '../../users/user.js';
import { lockUser } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { beginSession } from '../begin-session.js';
import { recoveryCodeUsed, wrongCodes } from '../notices.js';
import type { Client, Tokens } from '../sessions.js';
import { passkeyRefused, requirePasskeys } from './change-passkeys.js';
import { challengeInvalid, findLoginChallenge, removeLoginChallenge } from './login-challenge.js';
import type { AuthenticationResponse } from './passkey-json.js';
import { listPasskeys, setPasskeyChallenge, takePasskeyChallenge } from './passkey-store.js';
import { newPasskeyChallenge, readAsserted, requestOptions } from './passkeys.js';
import { countRecoveryCodes, useRecoveryCode } from './recovery-codes.js';
import type { FactorOwner, PasskeySettings } from './second-factor.js';
import { rememberUse, secondFactorMissing } from './second-factor-store.js';
import { isTotpCode } from './totp.js';
import { codeWrong, useTotpCode } from './use-totp-code.js';
import { countWrongCode, forgetWrongCodes, refuseWhileWaiting, WRONG_CODES_FREE } from './wrong-codes.js';

const PASSKEY_TIMEOUT_MS = 120_000;

type CompletionServices = Pick<AuthServices, 'database' | 'ledger' | 'sessions' | 'mails' | 'signInNotices'>;

interface Completion {
  readonly challenge: string;
  readonly client: Client;
}

export interface CompletedLogin {
  readonly user: User;
  readonly tokens: Tokens;
}

/** What a login is completed with; false for a second factor that is wrong. The user's row is locked. */
type Prove = (transaction: Database, holder: { readonly owner: FactorOwner; readonly user: User }) => Promise<boolean>;

/**
 * Completes a login with a code, which is used up. A recovery code cannot be guessed: it neither waits nor counts, so that whoever guesses
 * codes of an app does not lock the user out.
 *
 * @throws {ProblemError} `challenge_invalid`, `code_wrong`; `rate_limited` after wrong codes of an app
 */
export async function completeWithCode(
  services: CompletionServices,
  { code, ...completion }: Completion & { readonly code: string },
): Promise<CompletedLogin> {
  const { database, ledger, mails } = services;
  const userId = await findLoginChallenge(database, ledger.name, completion.challenge);
  // Before the lock, so that whoever goes on guessing holds up nobody.
  if (isTotpCode(code)) await refuseWhileWaiting(database, { ledger: ledger.name, userId });
  const completed = await complete(services, completion, async (transaction, { owner, user }) => {
    if (!isTotpCode(code)) return tryRecoveryCode({ mails }, transaction, { owner, user, code });
    await refuseWhileWaiting(transaction, owner);
    return tryTotpCode({ mails }, transaction, { owner, user, code });
  });
  if (completed === undefined) throw codeWrong();
  return completed;
}

/**
 * What a browser proves to have one of the user's passkeys by.
 *
 * @throws {ProblemError} `challenge_invalid`, `passkeys_off`; `second_factor_not_found` for a user without passkeys
 */
export async function requestPasskey(
  { database, ledger, secondFactors }: Pick<AuthServices, 'database' | 'ledger' | 'secondFactors'>,
  challenge: string,
) {
  const settings = requirePasskeys(secondFactors);
  const userId = await findLoginChallenge(database, ledger.name, challenge);
  const existing = await listPasskeys(database, { ledger: ledger.name, userId });
  if (existing.length === 0) throw secondFactorMissing();
  const passkeyChallenge = newPasskeyChallenge();
  await setPasskeyChallenge(database, ledger.name, { challenge, passkeyChallenge });
  return requestOptions(settings, { challenge: passkeyChallenge, existing, timeoutMs: PASSKEY_TIMEOUT_MS });
}

/**
 * Completes a login with a passkey. Wrong codes do not keep it waiting: it cannot be guessed.
 *
 * @throws {ProblemError} `challenge_invalid`, `passkey_refused`, `passkeys_off`
 */
export async function completeWithPasskey(
  services: CompletionServices & Pick<AuthServices, 'secondFactors'>,
  { response, ...completion }: Completion & { readonly response: AuthenticationResponse },
): Promise<CompletedLogin> {
  const settings = requirePasskeys(services.secondFactors);
  const completed = await complete(services, completion, (transaction, { owner }) =>
    tryPasskey(transaction, owner, { settings, response, challenge: completion.challenge }),
  );
  if (completed === undefined) throw passkeyRefused();
  return completed;
}

/**
 * Begins the session of a login that was waiting, and uses up its challenge, in one database transaction. Undefined if the second factor is
 * wrong: what was counted or used up is committed, so that the refusal comes later.
 */
function complete(
  services: CompletionServices,
  { challenge, client }: Completion,
  prove: Prove,
): Promise<CompletedLogin | undefined> {
  const { database, ledger } = services;
  return database.transaction().execute(async (transaction) => {
    const user = await lockHolder(transaction, ledger.name, challenge);
    if (!(await prove(transaction, { owner: { ledger: ledger.name, userId: user.id }, user }))) return undefined;
    await removeLoginChallenge(transaction, ledger.name, challenge);
    return { user, tokens: await beginSession(services, transaction, { userId: user.id, client }) };
  });
}

/** Locks the user whose login it is. */
async function lockHolder(transaction: Database, ledger: string, challenge: string): Promise<User> {
  const userId = await findLoginChallenge(transaction, ledger, challenge);
  const user = await lockUser(transaction, ledger, userId);
  // Whoever was waited for may have completed it, or replaced the password.
  await findLoginChallenge(transaction, ledger, challenge);
  if (user === undefined) throw challengeInvalid();
  return user;
}

interface TriedCode {
  readonly owner: FactorOwner;
  readonly user: User;
  readonly code: string;
}

/** Tells the user of wrong codes, by which somebody shows that they know the password. */
async function tryTotpCode(
  { mails }: Pick<CompletionServices, 'mails'>,
  transaction: Database,
  { owner, user, code }: TriedCode,
): Promise<boolean> {
  if (await useTotpCode(transaction, owner, code)) {
    await forgetWrongCodes(transaction, owner);
    return true;
  }
  const count = await countWrongCode(transaction, owner);
  if (count === WRONG_CODES_FREE && user.email !== null) await mails.add(transaction, wrongCodes(user.id, user.email));
  return false;
}

async function tryRecoveryCode(
  { mails }: Pick<CompletionServices, 'mails'>,
  transaction: Database,
  { owner, user, code }: TriedCode,
): Promise<boolean> {
  if (!(await useRecoveryCode(transaction, owner, code))) return false;
  const left = await countRecoveryCodes(transaction, owner);
  if (user.email !== null) await mails.add(transaction, recoveryCodeUsed(user.id, user.email, left));
  return true;
}

async function tryPasskey(
  transaction: Database,
  owner: FactorOwner,
  given: { readonly settings: PasskeySettings; readonly response: AuthenticationResponse; readonly challenge: string },
): Promise<boolean> {
  const { settings, response, challenge } = given;
  const asked = await takePasskeyChallenge(transaction, owner.ledger, challenge);
  const passkeys = await listPasskeys(transaction, owner);
  const passkey = passkeys.find(({ credentialId }) => credentialId.toString('base64url') === response.id);
  if (asked === undefined || passkey === undefined) return false;
  const signCount = await readAsserted(settings, { response, challenge: asked, passkey });
  if (signCount === undefined) return false;
  await rememberUse(transaction, owner.ledger, { id: passkey.id, sign_count: signCount });
  return true;
}
