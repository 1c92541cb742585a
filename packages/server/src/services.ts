import type { AuthServices } from './auth/auth-services.js';
import type { ApiKeyServices } from './auth/routes/api-keys.js';
import type { RequestServices } from './http/serving/serve-route.js';
import type { LiveServices } from './live/routes/events.js';
import type { Notifications } from './notifications/notifications.js';
import type { RoleServices } from './roles/routes/roles.js';
import type { ReadinessServices } from './service/routes/service.js';
import type { StatementServices } from './statements/statement-pdf.js';
import type { TransferServices } from './transfers/transfer-services.js';
import type { WebhookServices } from './webhooks/routes/webhook-endpoints.js';

/** All that the features work with. Each names what it needs itself. */
export interface Services
  extends RequestServices,
    AuthServices,
    ApiKeyServices,
    RoleServices,
    TransferServices,
    LiveServices,
    WebhookServices,
    StatementServices,
    ReadinessServices {
  readonly notifications: Notifications;
}
