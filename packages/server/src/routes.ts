import { aggregateAccountsRoute } from './accounts/routes/account-aggregate.js';
import {
  closeAccountRoute,
  freezeAccountRoute,
  setAccountLimitsRoute,
  unfreezeAccountRoute,
} from './accounts/routes/account-changes.js';
import { getAccountRoute, listAccountsRoute, openAccountRoute } from './accounts/routes/accounts.js';
import { listAuditLogRoute } from './audit/routes/audit-log.js';
import { closeMyAccountRoute } from './auth/routes/account-closure.js';
import { createApiKeyRoute, listApiKeysRoute, revokeApiKeyRoute, rotateApiKeyRoute } from './auth/routes/api-keys.js';
import { completeEmailChangeRoute, requestEmailChangeRoute } from './auth/routes/email-changes.js';
import { completeEmailVerificationRoute, requestEmailVerificationRoute } from './auth/routes/email-verifications.js';
import { jwksRoute } from './auth/routes/jwks.js';
import { loginRoute } from './auth/routes/login.js';
import { completeLoginRoute, completePasskeyLoginRoute, requestPasskeyRoute } from './auth/routes/login-completion.js';
import { logoutRoute } from './auth/routes/logout.js';
import { confirmPasskeyRoute, enrolPasskeyRoute } from './auth/routes/passkeys.js';
import { changePasswordRoute } from './auth/routes/password-change.js';
import { completePasswordResetRoute, requestPasswordResetRoute } from './auth/routes/password-resets.js';
import { refreshRoute } from './auth/routes/refresh.js';
import { registerRoute } from './auth/routes/register.js';
import {
  confirmTotpRoute,
  enrolTotpRoute,
  listSecondFactorsRoute,
  removeSecondFactorRoute,
  renewRecoveryCodesRoute,
} from './auth/routes/second-factors.js';
import { listSessionsRoute, revokeOtherSessionsRoute, revokeSessionRoute } from './auth/routes/sessions.js';
import { listUserSecondFactorsRoute, removeUserSecondFactorsRoute } from './auth/routes/user-second-factors.js';
import { createDepositRoute, createWithdrawalRoute } from './deposits/routes/deposits.js';
import { captureHoldRoute, releaseHoldRoute } from './holds/routes/hold-captures.js';
import { getHoldRoute, placeHoldRoute } from './holds/routes/holds.js';
import { listHoldsRoute } from './holds/routes/wallet-holds.js';
import type { Route } from './http/route.js';
import { getCurrencyRoute, registerCurrencyRoute } from './ledger/routes/currencies.js';
import { getLedgerRoute, setTimeZoneRoute } from './ledger/routes/ledger.js';
import { trialBalanceRoute } from './ledger/routes/trial-balance.js';
import { verifyRoute } from './ledger/routes/verify.js';
import { eventsRoute } from './live/routes/events.js';
import {
  changeNotificationPreferencesRoute,
  getNotificationPreferencesRoute,
} from './notifications/routes/notification-preferences.js';
import {
  listNotificationsRoute,
  readAllNotificationsRoute,
  readNotificationRoute,
} from './notifications/routes/notifications.js';
import {
  cancelPayoutRoute,
  getPayoutRoute,
  listOwnPayoutsRoute,
  requestPayoutRoute,
} from './payouts/routes/own-payouts.js';
import { failPayoutRoute, listPayoutsRoute, payPayoutRoute, takePayoutRoute } from './payouts/routes/payout-queue.js';
import { reverseLinkedRoute } from './reversals/routes/group-reversals.js';
import { listReversalsRoute, reverseTransferRoute } from './reversals/routes/reversals.js';
import { grantRoleRoute, listRolesRoute, revokeRoleRoute } from './roles/routes/roles.js';
import { livezRoute, readyzRoute } from './service/routes/service.js';
import type { Services } from './services.js';
import { getStatementFileRoute, getStatementRoute } from './statements/routes/statements.js';
import { listEntriesRoute } from './statements/routes/wallet-entries.js';
import { postLinkedTransfersRoute, postTransfersRoute } from './transfer-batches/routes/transfer-batch.js';
import { getTransferRequestRoute } from './transfer-requests/routes/transfer-requests.js';
import { getTransferRoute, listTransfersRoute, postTransferRoute } from './transfers/routes/transfers.js';
import { meRoute } from './users/routes/me.js';
import { freezeWalletRoute, unfreezeWalletRoute } from './wallets/routes/wallet-freeze.js';
import { getWalletRoute, listWalletsRoute, openWalletRoute } from './wallets/routes/wallets.js';
import {
  listWebhookDeliveriesRoute,
  replayWebhookDeliveryRoute,
  replayWebhooksRoute,
  testWebhookEndpointRoute,
} from './webhooks/routes/webhook-deliveries.js';
import {
  changeWebhookEndpointRoute,
  createWebhookEndpointRoute,
  deleteWebhookEndpointRoute,
  getWebhookEndpointRoute,
  listWebhookEndpointsRoute,
  rotateWebhookSecretRoute,
} from './webhooks/routes/webhook-endpoints.js';

/** Every route, in the order of the OpenAPI document. */
export const ROUTES: readonly Route<Services>[] = [
  registerRoute,
  loginRoute,
  completeLoginRoute,
  requestPasskeyRoute,
  completePasskeyLoginRoute,
  refreshRoute,
  logoutRoute,
  requestPasswordResetRoute,
  completePasswordResetRoute,
  requestEmailVerificationRoute,
  completeEmailVerificationRoute,
  completeEmailChangeRoute,
  meRoute,
  changePasswordRoute,
  requestEmailChangeRoute,
  closeMyAccountRoute,
  listSessionsRoute,
  revokeSessionRoute,
  revokeOtherSessionsRoute,
  listSecondFactorsRoute,
  enrolTotpRoute,
  confirmTotpRoute,
  enrolPasskeyRoute,
  confirmPasskeyRoute,
  renewRecoveryCodesRoute,
  removeSecondFactorRoute,
  listWalletsRoute,
  openWalletRoute,
  getWalletRoute,
  listEntriesRoute,
  getStatementRoute,
  getStatementFileRoute,
  getCurrencyRoute,
  postTransferRoute,
  postTransfersRoute,
  postLinkedTransfersRoute,
  listTransfersRoute,
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
  requestPayoutRoute,
  listOwnPayoutsRoute,
  getPayoutRoute,
  cancelPayoutRoute,
  listPayoutsRoute,
  takePayoutRoute,
  payPayoutRoute,
  failPayoutRoute,
  eventsRoute,
  listNotificationsRoute,
  readNotificationRoute,
  readAllNotificationsRoute,
  getNotificationPreferencesRoute,
  changeNotificationPreferencesRoute,
  listWebhookEndpointsRoute,
  createWebhookEndpointRoute,
  getWebhookEndpointRoute,
  changeWebhookEndpointRoute,
  rotateWebhookSecretRoute,
  testWebhookEndpointRoute,
  listWebhookDeliveriesRoute,
  replayWebhookDeliveryRoute,
  replayWebhooksRoute,
  deleteWebhookEndpointRoute,
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
  listApiKeysRoute,
  createApiKeyRoute,
  rotateApiKeyRoute,
  revokeApiKeyRoute,
  listRolesRoute,
  grantRoleRoute,
  revokeRoleRoute,
  listUserSecondFactorsRoute,
  removeUserSecondFactorsRoute,
  listAuditLogRoute,
  getLedgerRoute,
  livezRoute,
  readyzRoute,
  jwksRoute,
];
