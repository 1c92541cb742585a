import { z } from '@hono/zod-openapi';
import { ACCOUNT_STATUSES, type Account } from '@micropay/ledger-core';
import { AtField } from '../accounts/account-json.js';
import { CurrencyField, EXAMPLE_IDS, EXAMPLE_TIME, IdField, MinorUnitsField, TimeField } from '../http/fields.js';
import { walletNameOf } from '../identity/wallet-address.js';

export const WalletSchema = z
  .object({
    id: IdField,
    name: z.string().openapi({ description: 'Unique among the user’s wallets' }),
    currency: CurrencyField,
    status: z.enum(ACCOUNT_STATUSES).openapi('WalletStatus'),
    balance: MinorUnitsField.openapi({ description: 'The settled balance in minor units' }),
    pendingIn: MinorUnitsField.openapi({ description: 'Held for this wallet, not yet settled' }),
    pendingOut: MinorUnitsField.openapi({ description: 'Held from this wallet, not yet settled' }),
    available: MinorUnitsField.openapi({ description: 'What can be spent now' }),
    openedAt: TimeField,
    at: AtField,
  })
  .openapi('Wallet');

export const EXAMPLE_WALLET: z.input<typeof WalletSchema> = {
  id: EXAMPLE_IDS.wallet,
  name: 'usd',
  currency: 'USD',
  status: 'open',
  balance: '5000',
  pendingIn: '0',
  pendingOut: '0',
  available: '5000',
  openedAt: EXAMPLE_TIME,
};

export function walletJson(account: Account): z.input<typeof WalletSchema> {
  return {
    id: account.id,
    name: walletNameOf(account.address),
    currency: account.currency,
    status: account.status,
    balance: String(account.posted),
    pendingIn: String(account.pendingIn),
    pendingOut: String(account.pendingOut),
    // A wallet has a minimum from its opening on, so there is always an amount that can be spent.
    available: String(account.available ?? account.posted - account.pendingOut),
    openedAt: account.openedAt.toISOString(),
  };
}
