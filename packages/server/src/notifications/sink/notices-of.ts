import { type EventData, isCatalogueEvent, type LedgerEvent } from '@micropay/ledger-core';
import { isId } from '../../http/fields.js';
import type { UserId } from '../../identity/user-id.js';
import { walletNameOf, walletOwnerOf } from '../../identity/wallet-address.js';
import type { MoneyType, Notice, NotificationData } from '../notice.js';

/** What all movements say. */
type Movement = Pick<
  EventData<'transfer.posted.v1'>,
  'from' | 'fromAddress' | 'to' | 'toAddress' | 'amount' | 'currency'
>;

/** What an event says to the users whom it is about; what users move between wallets of their own says nothing. */
export function noticesOf(event: LedgerEvent): readonly Notice[] {
  if (!isCatalogueEvent(event)) return [];
  const { type, data } = event;
  switch (type) {
    case 'transfer.posted.v1':
      return ofMoney(data, { transfer: data.transferId });
    case 'hold.captured.v1':
      return ofMoney(data, { transfer: data.transferId, hold: data.holdId });
    case 'transfer.reversed.v1':
      return toBoth(data, () => 'refund', { transfer: data.transferId });
    case 'hold.placed.v1':
      return toBoth(data, () => 'hold_placed', { transfer: data.holdId, hold: data.holdId });
    case 'hold.released.v1':
      return toBoth(data, () => 'hold_ended', { transfer: data.transferId, hold: data.holdId, end: 'released' });
    case 'hold.expired.v1':
      return toBoth(data, () => 'hold_ended', { transfer: data.transferId, hold: data.holdId, end: 'expired' });
    case 'balance.changed.v1':
      return ofBalance(data);
    default:
      return [];
  }
}

type Subject = Pick<NotificationData, 'transfer' | 'hold' | 'end'>;

function ofMoney(data: Movement, subject: Subject): readonly Notice[] {
  return toBoth(data, (direction) => (direction === 'in' ? 'money_in' : 'money_out'), subject);
}

function toBoth(
  { from, fromAddress, to, toAddress, amount, currency }: Movement,
  typeOf: (direction: 'in' | 'out') => MoneyType,
  subject: Subject,
): readonly Notice[] {
  const payer = ownerOf(fromAddress);
  const payee = ownerOf(toAddress);
  if (payer === payee) return [];
  const notice = (userId: UserId | undefined, wallet: string, address: string, direction: 'in' | 'out') => {
    if (userId === undefined) return [];
    const data = { ...subject, wallet, walletName: walletNameOf(address), amount, currency, direction };
    return [{ userId, type: typeOf(direction), data }];
  };
  return [...notice(payer, from, fromAddress, 'out'), ...notice(payee, to, toAddress, 'in')];
}

/** By the settled balance: what is held may come back. */
function ofBalance(data: EventData<'balance.changed.v1'>): readonly Notice[] {
  const { accountId, address, posted, change, currency, transferId } = data;
  const userId = ownerOf(address);
  if (userId === undefined || BigInt(change) >= 0n) return [];
  return [
    {
      userId,
      type: 'low_balance',
      balanceBefore: BigInt(posted) - BigInt(change),
      data: {
        transfer: transferId,
        wallet: accountId,
        walletName: walletNameOf(address),
        amount: posted,
        currency,
        direction: 'out',
      },
    },
  ];
}

/** Programs that share the ledger may open any account below `users:`: what follows need not be a user. */
function ownerOf(address: string): UserId | undefined {
  const owner = walletOwnerOf(address);
  return owner !== undefined && isId(owner) ? owner : undefined;
}
