import type { Endpoint } from '../http/endpoint.js';
import { createDepositEndpoint, createWithdrawalEndpoint } from './deposits.js';
import { jwksEndpoint } from './jwks.js';
import { loginEndpoint } from './login.js';
import { logoutEndpoint } from './logout.js';
import { meEndpoint } from './me.js';
import { refreshEndpoint } from './refresh.js';
import { registerEndpoint } from './register.js';
import { livezEndpoint, readyzEndpoint } from './service.js';
import { createTransferBatchEndpoint } from './transfer-batch.js';
import { createTransferEndpoint, getTransferEndpoint } from './transfers.js';
import { verifyEndpoint } from './verify.js';
import { listEntriesEndpoint } from './wallet-entries.js';
import { freezeWalletEndpoint, unfreezeWalletEndpoint } from './wallet-freeze.js';
import { getWalletEndpoint, listWalletsEndpoint, openWalletEndpoint } from './wallets.js';

/** Every route, in the order of the OpenAPI document. */
export const ENDPOINTS: readonly Endpoint[] = [
  registerEndpoint,
  loginEndpoint,
  refreshEndpoint,
  logoutEndpoint,
  meEndpoint,
  listWalletsEndpoint,
  openWalletEndpoint,
  getWalletEndpoint,
  listEntriesEndpoint,
  createTransferEndpoint,
  createTransferBatchEndpoint,
  getTransferEndpoint,
  createDepositEndpoint,
  createWithdrawalEndpoint,
  freezeWalletEndpoint,
  unfreezeWalletEndpoint,
  verifyEndpoint,
  livezEndpoint,
  readyzEndpoint,
  jwksEndpoint,
];
