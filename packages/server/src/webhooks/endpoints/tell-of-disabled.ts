import { recordAct } from '../../audit/record-act.js';
import type { Database } from '../../database/connect.js';
import type { Mails } from '../../mail/mail-outbox.js';
import type { DisabledReason, WebhookEndpointRow } from './webhook-endpoint-store.js';

export interface DisabledNotice {
  readonly ledger: string;
  readonly reason: DisabledReason;
  readonly mails: Mails;
  /** Who hears of it; undefined for nobody. */
  readonly email: string | undefined;
}

const REASONS: Readonly<Record<DisabledReason, string>> = {
  operator: 'An operator has disabled it.',
  gone: 'Its receiver answered 410, which means that it is gone.',
  failing: 'An event could not be delivered to it for three days, and was given up: send it again by its replay.',
};

/** Records that the server has disabled an endpoint, and asks for a mail about it: with the change, or not at all. */
export async function tellOfDisabled(
  transaction: Database,
  { id, description }: WebhookEndpointRow,
  { ledger, reason, mails, email }: DisabledNotice,
): Promise<void> {
  await recordAct(transaction, ledger, {
    principal: 'server',
    operation: 'changeWebhookEndpoint',
    subject: id,
    reason,
    clientAddress: undefined,
    requestId: undefined,
  });
  if (email === undefined) return;
  // Not its URL: that may hold a secret of the receiver.
  const name = description === null ? id : `${id} (${description})`;
  const text = [
    `The webhook endpoint ${name} of the ledger "${ledger}" was disabled. ${REASONS[reason]}`,
    'What is sent to it waits for up to 14 days, and is sent in order once the endpoint is enabled again.',
  ].join('\n\n');
  await mails.add(transaction, {
    kind: 'notice',
    to: email,
    data: { subject: 'A webhook endpoint was disabled', text },
  });
}
