import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { ReceiverAddresses } from './receiver-addresses.js';
import {
  checkedLookup,
  ForbiddenAddressError,
  isAllowedScheme,
  type Resolve,
  refuseForbiddenLiteral,
} from './resolve-receiver.js';
import { retryAfterS } from './retry-schedule.js';

/** Why an attempt failed; null for one that was taken. */
export const ATTEMPT_ERRORS = [
  'bad_status',
  'redirect',
  'timeout',
  'forbidden_address',
  'name_not_found',
  'tls_failed',
  'connection_failed',
] as const;

export type AttemptError = (typeof ATTEMPT_ERRORS)[number];

export interface Attempt {
  /** Null if no response came. */
  readonly status: number | null;
  readonly error: AttemptError | null;
  readonly durationMs: number;
  readonly retryAfterS: number | undefined;
}

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** Ends the attempt as a timeout. */
  readonly signal: AbortSignal;
}

/** Sends one request. */
export interface WebhookClient {
  post(request: WebhookRequest): Promise<Attempt>;
  close(): void;
}

const SWITCHING_PROTOCOLS = 101;
const RESPONSE_BYTES_MAX = 16 * 1024;
const RESPONSE_HEADER_BYTES_MAX = 16 * 1024;
const TLS_SESSIONS_MAX = 256;
/** Many endpoints may be at one host. It is no more than what is open to them at once, which is bounded for each endpoint. */
const IDLE_SOCKETS_PER_HOST_MAX = 256;
const IDLE_SOCKET_MS = 10_000;

/**
 * Sends webhooks. No connection reaches an address that was not checked: a literal is checked before the request, a name at
 * the lookup of its connection, which dials what was checked. Redirects are not followed, no proxy of the environment is used.
 */
export function createWebhookClient(addresses: ReceiverAddresses, resolve: Resolve): WebhookClient {
  const pooled = {
    keepAlive: true,
    maxFreeSockets: IDLE_SOCKETS_PER_HOST_MAX,
    timeout: IDLE_SOCKET_MS,
  };
  const agents = {
    'http:': new HttpAgent(pooled),
    'https:': new HttpsAgent({ ...pooled, maxCachedSessions: TLS_SESSIONS_MAX }),
  };
  const lookups = {
    // What is not encrypted goes to networks of the operator's own alone, wherever its name points to.
    'http:': checkedLookup(resolve, addresses.isAllowedPrivate),
    'https:': checkedLookup(resolve, addresses.mayDial),
  };

  function open(url: URL, { headers, body }: WebhookRequest): ClientRequest {
    if (!isAllowedScheme(url.protocol)) throw new ForbiddenAddressError('only https and http are sent to');
    refuseForbiddenLiteral(url, url.protocol === 'http:' ? addresses.isAllowedPrivate : addresses.mayDial);
    const send = url.protocol === 'http:' ? requestHttp : requestHttps;
    return send(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      agent: agents[url.protocol],
      lookup: lookups[url.protocol],
      maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
    });
  }

  async function exchange(request: WebhookRequest): Promise<Omit<Attempt, 'durationMs'>> {
    let sent: ClientRequest | undefined;
    let isLate = false;
    let tooLate = () => {};
    // The attempt ends then, whether or not the request says that it has ended.
    const late = new Promise<never>((_resolve, reject) => {
      tooLate = () => {
        isLate = true;
        const error = new Error('too late');
        sent?.destroy(error);
        reject(error);
      };
    });
    const timer = setTimeout(tooLate, request.timeoutMs);
    request.signal.addEventListener('abort', tooLate, { once: true });
    try {
      request.signal.throwIfAborted();
      const url = new URL(request.url);
      const exchangeOnce = () => {
        sent = open(url, request);
        return responseOf(sent, request.body);
      };
      const exchanged = exchangeOnce().catch((error: unknown) => {
        if (isLate || !sent?.reusedSocket || codeOf(error) !== 'ECONNRESET') throw error;
        // The receiver closed the idle connection just when it was used again: nobody has read the request.
        return exchangeOnce();
      });
      const response = await Promise.race([exchanged, late]);
      await Promise.race([readToEnd(response), late]);
      const status = response.statusCode ?? 0;
      return { status, error: errorOfStatus(status), retryAfterS: retryAfterS(response.headers['retry-after']) };
    } catch (error) {
      return { status: null, error: isLate ? 'timeout' : errorOf(error), retryAfterS: undefined };
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener('abort', tooLate);
    }
  }

  return {
    async post(request) {
      const startedMs = performance.now();
      const attempt = await exchange(request);
      return { ...attempt, durationMs: Math.round(performance.now() - startedMs) };
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function responseOf(sent: ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on('response', resolve);
    // A receiver that wants to speak something else is answered by the end of the connection.
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response);
    });
    sent.on('error', reject);
    sent.on('close', () => reject(new Error('the connection ended without a response')));
    sent.end(body);
  });
}

/** Reads a short response, so that its connection can be used again, and leaves a long one: nobody looks at it. */
async function readToEnd(response: IncomingMessage): Promise<void> {
  // What follows is not HTTP.
  if (response.statusCode === SWITCHING_PROTOCOLS) return;
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > RESPONSE_BYTES_MAX) {
      response.destroy();
      return;
    }
  }
}

function errorOfStatus(status: number): AttemptError | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect' : 'bad_status';
}

const NO_NAME = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EBADNAME', 'ETIMEOUT', 'EREFUSED', 'EAI_AGAIN']);

function errorOf(error: unknown): AttemptError {
  if (error instanceof ForbiddenAddressError) return 'forbidden_address';
  const code = codeOf(error);
  if (NO_NAME.has(code)) return 'name_not_found';
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO)/.test(code)) return 'tls_failed';
  return 'connection_failed';
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
