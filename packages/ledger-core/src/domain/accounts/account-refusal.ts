import { type ErrorDetails, LedgerError, type LedgerErrorCode } from '../../errors.js';

/** Refusals that say something of one account, by their code. What each says is made of its details. */
const SENTENCES = {
  account_closed: (account) => `account ${account} is closed`,
  account_frozen: (account, { side }) => `account ${account} is frozen for ${side}`,
  currency_mismatch: (account, { currency, asked }) => `account ${account} holds ${currency}, not ${asked}`,
  insufficient_funds: (account, { available, needed, currency }) =>
    `account ${account} has ${available} ${currency} available, and ${needed} is needed`,
  maximum_exceeded: (account, { maximum, room, needed, currency }) =>
    `account ${account} may hold at most ${maximum} ${currency}: ${room} can still come in, and not ${needed}`,
  balance_overflow: (account) => `account ${account} would exceed 38 digits`,
  account_not_empty: (account) => `account ${account} has a balance or holds: bring them to zero first`,
  limit_broken: (account, { limit, value, balance, currency }) =>
    limit === 'minimum'
      ? `account ${account} has ${balance} ${currency} less what is held, which is below ${value}`
      : `account ${account} has ${balance} ${currency} with what is held for it, which is above ${value}`,
} as const satisfies Partial<Record<LedgerErrorCode, (account: string, details: ErrorDetails) => string>>;

type AccountRefusalCode = keyof typeof SENTENCES;

/** A refusal for what one account is or has; the sentence names it by its address where that is known. */
export function accountRefusal(
  code: AccountRefusalCode,
  details: ErrorDetails & { readonly accountId: string },
): LedgerError {
  const { address = details.accountId, leg } = details;
  const sentence = SENTENCES[code](String(address), details);
  return new LedgerError(code, leg === undefined ? sentence : `leg ${leg}: ${sentence}`, details);
}

/** The account that a refusal is about; undefined for one that is about no account. */
export function refusedAccount({ code, details }: LedgerError): string | undefined {
  return isAccountRefusal(code) && typeof details.accountId === 'string' ? details.accountId : undefined;
}

/** The same refusal with the address of its account. */
export function withAddress(error: LedgerError, address: string): LedgerError {
  const { code, details } = error;
  if (!isAccountRefusal(code)) return error;
  return accountRefusal(code, { accountId: String(details.accountId), address, ...details });
}

function isAccountRefusal(code: LedgerErrorCode): code is AccountRefusalCode {
  return Object.hasOwn(SENTENCES, code);
}
