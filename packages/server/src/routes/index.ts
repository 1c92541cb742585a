import type { Route } from '../http/route.js';
import { aggregateAccountsRoute } from './account-aggregate.js';
import {
  closeAccountRoute,
  freezeAccountRoute,
  setAccountLimitsRoute,
  unfreezeAccountRoute,
} from './account-changes.js';
import { getAccountRoute, listAccountsRoute, openAccountRoute } from './accounts.js';
import { getCurrencyRoute, registerCurrencyRoute } from './currencies.js';
import { createDepositRoute, createWithdrawalRoute } from './deposits.js';
import { eventsRoute } from './events.js';
import { reverseLinkedRoute } from './group-reversals.js';
import { captureHoldRoute, releaseHoldRoute } from './hold-captures.js';
import { getHoldRoute, placeHoldRoute } from './holds.js';
import { jwksRoute } from './jwks.js';
import { getLedgerRoute, setTimeZoneRoute } from './ledger.js';
import { loginRoute } from './login.js';
import { logoutRoute } from './logout.js';
import { meRoute } from './me.js';
import { refreshRoute } from './refresh.js';
import { registerRoute } from './register.js';
import { listReversalsRoute, reverseTransferRoute } from './reversals.js';
import { livezRoute, readyzRoute } from './service.js';
import { getStatementFileRoute, getStatementRoute } from './statements.js';
import { createLinkedTransfersRoute, createTransferBatchRoute } from './transfer-batch.js';
import { getTransferRequestRoute } from './transfer-requests.js';
import { createTransferRoute, getTransferRoute } from './transfers.js';
import { trialBalanceRoute } from './trial-balance.js';
import { verifyRoute } from './verify.js';
import { listEntriesRoute } from './wallet-entries.js';
import { freezeWalletRoute, unfreezeWalletRoute } from './wallet-freeze.js';
import { listHoldsRoute } from './wallet-holds.js';
import { getWalletRoute, listWalletsRoute, openWalletRoute } from './wallets.js';

/** Every route, in the order of the OpenAPI document. */
export const ROUTES: readonly Route[] = [
  registerRoute,
  loginRoute,
  refreshRoute,
  logoutRoute,
  meRoute,
  listWalletsRoute,
  openWalletRoute,
  getWalletRoute,
  listEntriesRoute,
  getStatementRoute,
  getStatementFileRoute,
  getCurrencyRoute,
  createTransferRoute,
  createTransferBatchRoute,
  createLinkedTransfersRoute,
  getTransferRoute,
  getTransferRequestRoute,
  reverseTransferRoute,
  listReversalsRoute,
  reverseLinkedRoute,
  placeHoldRoute,
  getHoldRoute,
  listHoldsRoute,
  captureHoldRoute,
  releaseHoldRoute,
  eventsRoute,
  createDepositRoute,
  createWithdrawalRoute,
  freezeWalletRoute,
  unfreezeWalletRoute,
  listAccountsRoute,
  openAccountRoute,
  getAccountRoute,
  aggregateAccountsRoute,
  freezeAccountRoute,
  unfreezeAccountRoute,
  setAccountLimitsRoute,
  closeAccountRoute,
  registerCurrencyRoute,
  verifyRoute,
  trialBalanceRoute,
  setTimeZoneRoute,
  getLedgerRoute,
  livezRoute,
  readyzRoute,
  jwksRoute,
];
