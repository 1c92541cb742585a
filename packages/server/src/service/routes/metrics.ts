import { Registry } from 'prom-client';
import { SECURE_HEADERS } from '../../http/answer.js';
import { authorize } from '../../http/authorize.js';
import type { Exchange } from '../../http/serving/exchange.js';
import { sendPage } from '../../http/serving/send-answer.js';
import type { RequestServices } from '../../http/serving/serve-route.js';

const PERMISSION = { access: 'operator', scope: 'metrics:read' } as const;

/** For operators: a scraper sends an operator's key as its bearer token. */
export function serveMetrics({ authenticate, clientAddress }: RequestServices, readMetrics: () => Promise<string>) {
  return async ({ incoming, outgoing }: Exchange): Promise<void> => {
    const principal = await authenticate(incoming.headers.authorization);
    authorize(principal, PERMISSION, clientAddress(incoming));
    const headers = { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE, ...SECURE_HEADERS };
    sendPage(outgoing, headers, await readMetrics());
  };
}
