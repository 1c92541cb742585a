import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a receiver has been sent. */
export interface ReceivedWebhook {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every type.
  readonly event: any;
  readonly atMs: number;
}

export type Answering = (received: ReceivedWebhook, response: ServerResponse) => unknown;

export interface WebhookReceiver {
  readonly url: string;
  readonly received: ReceivedWebhook[];
  /** Connections that were opened to it. */
  connections(): number;
  /** Answers from now on in this way; 204 by default. */
  answer(answering: Answering): void;
  stop(): Promise<void>;
}

export const answer =
  (status: number, headers: Readonly<Record<string, string>> = {}): Answering =>
  (_received, response) =>
    response.writeHead(status, headers).end();

/** A receiver of webhooks on a port of its own. */
export async function startReceiver(answering: Answering = answer(204), host = '127.0.0.1'): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  let answers = answering;
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { url = '', headers } = request;
      const one = {
        path: url,
        headers: headers as Record<string, string>,
        body,
        event: JSON.parse(body),
        atMs: performance.now(),
      };
      received.push(one);
      answers(one, response);
    });
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/hook`,
    received,
    connections: () => connections,
    answer(next) {
      answers = next;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
