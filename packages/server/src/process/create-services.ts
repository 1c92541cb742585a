import type { Ledger } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { createAuditTrail } from '../audit/audit-trail.js';
import { createApiKeyStore } from '../auth/api-key-store.js';
import { createApiKeys } from '../auth/api-keys.js';
import { createAuthenticate } from '../auth/authenticate.js';
import { createLinkMails } from '../auth/links/link-mails.js';
import { removeExpiredLinks } from '../auth/links/link-token.js';
import { createPasswords } from '../auth/passwords/password.js';
import { removeExpiredChallenges } from '../auth/second-factor/login-challenge.js';
import { SECOND_FACTORS_DEFAULT } from '../auth/second-factor/second-factor.js';
import { removeUnconfirmed } from '../auth/second-factor/second-factor-store.js';
import { createSessions } from '../auth/sessions.js';
import {
  createCodeAttempts,
  createLinkAttempts,
  createLoginAttempts,
  createMailAttempts,
  createRefreshAttempts,
} from '../auth/sign-in-attempts.js';
import { createAccessTokens } from '../auth/tokens/access-tokens.js';
import { createRevokedSessions } from '../auth/tokens/revoked-sessions.js';
import { createSigningKeys } from '../auth/tokens/signing-keys.js';
import type { Database } from '../database/connect.js';
import { createClientAddress } from '../http/request/client-address.js';
import { createRequestLimits } from '../http/serving/request-limits.js';
import { createLiveEvents } from '../live/live-events.js';
import { type MailKind, type WriteMail, writeNotice } from '../mail/mail-kind.js';
import { createMails } from '../mail/mail-outbox.js';
import { createNotifications } from '../notifications/notifications.js';
import { createSignInNotices } from '../notifications/sign-in-notices.js';
import { createAnnounce } from '../notifications/sink/announce.js';
import { createIssuerKeys, type IssuerKeys } from '../oidc/issuer-keys.js';
import { createIssuerTokens } from '../oidc/issuer-tokens.js';
import { eraseOldDestinations } from '../payouts/payout-store.js';
import { createSupportUsers } from '../roles/support-users.js';
import { createReadiness } from '../service/readiness.js';
import type { Services } from '../services.js';
import { createStatementPdfs } from '../statements/statement-pdf.js';
import { removeFullBuckets } from '../throttling/attempt-limit.js';
import { RATE_LIMITS_DEFAULT } from '../throttling/rate-limit-settings.js';
import { createRateLimits, type RateLimits } from '../throttling/rate-limits.js';
import { takeFromBuckets } from '../throttling/shared-buckets.js';
import { createRecipientLookUps } from '../transfers/recipient-look-ups.js';
import { createVerifiedUsers } from '../users/verified-users.js';
import { createWebhooks, DELIVERIES_KEPT_DAYS } from '../webhooks/webhooks.js';
import type { RepeatedWork } from './background.js';
import type { Config } from './config.js';

/** With the time a poll takes, well within the five seconds that a logout may take to count everywhere. */
const POLL_MS = 2_000;
/** Later entries are read one by one: this bounds how many. */
const CHECKPOINTS_MS = 5_000;
/** What other processes do not know yet is at most of so long ago. */
const REPORT_MS = 250;
/** How often the keys of the other issuer are asked for while they are old; they are read every five minutes. */
const ISSUER_MS = 10_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Makes all that handlers work with, on a migrated database, and says what has to be repeated beside them. */
export async function createServices(
  config: Pick<
    Config,
    | 'databaseUrl'
    | 'databaseSchema'
    | 'tokenIssuer'
    | 'trustedProxies'
    | 'operatorApiKey'
    | 'rateLimits'
    | 'live'
    | 'mail'
    | 'oidc'
    | 'webhooks'
    | 'notifications'
    | 'verifiedEmailRequired'
    | 'secondFactors'
    | 'statementLogo'
  >,
  ledger: Ledger,
  database: Database,
  log: Logger,
): Promise<{
  readonly services: Services;
  readonly rateLimits: RateLimits;
  readonly background: readonly RepeatedWork[];
  /** The keys of the other issuer, if there is one. */
  readonly issuerKeys: IssuerKeys | undefined;
  /** Writes the texts of mails. */
  readonly mailKinds: Readonly<Record<MailKind, WriteMail>>;
  /** Makes sure that there is an operator key; returns a newly generated one, which cannot be shown again. */
  ensureOperatorKey(): Promise<string | undefined>;
  isOperatorKey(key: string): boolean;
}> {
  const signingKeys = createSigningKeys(database, ledger.name);
  const revokedSessions = createRevokedSessions(database, ledger.name);
  const apiKeys = createApiKeys(database, ledger.name);
  const apiKeyStore = createApiKeyStore(database, ledger.name);
  const supportUsers = createSupportUsers(database, ledger.name);
  const accessTokens = createAccessTokens({
    signingKeys,
    revokedSessions,
    ledger: ledger.name,
    issuer: config.tokenIssuer,
  });
  const sessions = createSessions({ database, ledger: ledger.name, accessTokens, revokedSessions });

  const mails = createMails(ledger.name, config.mail !== undefined);
  const webhooks = createWebhooks({
    ledger,
    database,
    databaseUrl: config.databaseUrl,
    databaseSchema: config.databaseSchema,
    mails,
    log,
    settings: config.webhooks ?? { allowedNetworks: [] },
  });
  const notifications = createNotifications({
    ledger,
    database,
    databaseUrl: config.databaseUrl,
    databaseSchema: config.databaseSchema,
    mails,
    log,
    isOn: config.notifications === true,
  });
  const { oidc, secondFactors = SECOND_FACTORS_DEFAULT } = config;
  const localSignIn = oidc?.mode !== 'oidc';
  const issuerKeys = oidc && createIssuerKeys(oidc.issuer, log);
  const authenticate = createAuthenticate({
    accessTokens: localSignIn ? accessTokens : undefined,
    issuerTokens: oidc && issuerKeys && createIssuerTokens({ settings: oidc, keys: issuerKeys, ledger, database }),
    apiKeys,
    supportUsers,
  });

  const buckets = { database, schema: config.databaseSchema, ledger: ledger.name };
  const rateLimits = createRateLimits({ takeShared: (asks) => takeFromBuckets(buckets, asks) });
  const rateSettings = { ...RATE_LIMITS_DEFAULT, ...config.rateLimits };

  await signingKeys.rotate();
  await revokedSessions.poll();
  await apiKeys.reload();
  await supportUsers.reload();
  // Not waited for: without the issuer, operators and those whose tokens were verified are served all the same.
  void issuerKeys?.refresh();

  return {
    services: {
      ledger,
      database,
      passwords: await createPasswords(),
      sessions,
      signingKeys,
      authenticate,
      apiKeys,
      apiKeyStore,
      mails,
      supportUsers,
      localSignIn,
      checkReady: createReadiness({ ledger, database }),
      audit: createAuditTrail(database, ledger.name, log),
      liveEvents: createLiveEvents({ ledger, authenticate }, config.live),
      webhooks,
      notifications,
      clientAddress: createClientAddress(config.trustedProxies),
      requestLimits: createRequestLimits(rateLimits, rateSettings),
      loginAttempts: createLoginAttempts(database, ledger.name, rateSettings),
      refreshAttempts: createRefreshAttempts(database, ledger.name),
      mailAttempts: createMailAttempts(database, ledger.name),
      linkAttempts: createLinkAttempts(database, ledger.name),
      codeAttempts: createCodeAttempts(database, ledger.name),
      signInNotices: createSignInNotices({ ledger: ledger.name, mails, announce: createAnnounce(ledger) }),
      statementPdfs: await createStatementPdfs(ledger, {
        serviceName: secondFactors.serviceName,
        logoPath: config.statementLogo,
      }),
      secondFactors,
      verifiedUsers: createVerifiedUsers(database, ledger.name, config.verifiedEmailRequired === true),
      recipientLookUps: createRecipientLookUps(database, ledger.name),
    },
    rateLimits,
    background: [
      { name: 'revoked sessions', everyMs: POLL_MS, run: revokedSessions.poll },
      { name: 'api keys', everyMs: POLL_MS, run: apiKeys.reload },
      { name: 'signing keys', everyMs: POLL_MS, run: signingKeys.reload },
      ...(issuerKeys === undefined ? [] : [{ name: 'issuer keys', everyMs: ISSUER_MS, run: issuerKeys.refresh }]),
      { name: 'roles', everyMs: POLL_MS, run: supportUsers.reload },
      { name: 'rate limits', everyMs: REPORT_MS, run: rateLimits.report },
      { name: 'attempts', everyMs: MINUTE_MS, run: () => removeFullBuckets(database, ledger.name) },
      { name: 'use of api keys', everyMs: MINUTE_MS, run: apiKeys.storeUse },
      { name: 'rotation of signing keys', everyMs: HOUR_MS, run: signingKeys.rotate },
      { name: 'expired holds', everyMs: POLL_MS, run: async () => void (await ledger.holds.expire()) },
      { name: 'checkpoints', everyMs: CHECKPOINTS_MS, run: ledger.checkpoints.advance },
      { name: 'expired logins', everyMs: HOUR_MS, run: () => removeExpiredChallenges(database, ledger.name) },
      { name: 'unconfirmed second factors', everyMs: HOUR_MS, run: () => removeUnconfirmed(database, ledger.name) },
      { name: 'old destinations', everyMs: HOUR_MS, run: () => eraseOldDestinations(database, ledger.name) },
      { name: 'expired links', everyMs: HOUR_MS, run: () => removeExpiredLinks(database, ledger.name) },
      {
        name: 'old webhook deliveries',
        everyMs: HOUR_MS,
        run: () => webhooks.deliveries.removeOld(DELIVERIES_KEPT_DAYS),
      },
      { name: 'old notifications', everyMs: HOUR_MS, run: notifications.removeOld },
      ...(notifications.isOn ? [] : [{ name: 'notifications', everyMs: HOUR_MS, run: notifications.skip }]),
      { name: 'expired sessions', everyMs: HOUR_MS, run: sessions.removeExpired },
    ],
    mailKinds: {
      notice: writeNotice,
      notification: notifications.writeMail,
      ...createLinkMails({ database, ledger: ledger.name, publicUrl: config.mail?.publicUrl ?? '' }),
    },
    issuerKeys,
    ensureOperatorKey: () => apiKeys.ensureOperatorKey(config.operatorApiKey),
    isOperatorKey: (key) => apiKeys.find(key) !== undefined,
  };
}
