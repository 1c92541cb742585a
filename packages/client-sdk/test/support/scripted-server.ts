import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly at: number;
}

/** The server's reaction to one request: a response, or none. */
export type Act = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export interface ScriptedServer {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

/** A real HTTP server that meets the first request with the first act; the last act meets all that follow. */
export async function startScriptedServer(...acts: readonly Act[]): Promise<ScriptedServer> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
      at: performance.now(),
    };
    const act = acts[Math.min(seen.length, acts.length - 1)];
    seen.push(request);
    await act?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function answer(status: number, body?: unknown, headers: Readonly<Record<string, string>> = {}): Act {
  return (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
}

export function refuse(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Act {
  const problem = { type: `urn:micropay:problem:${code}`, title: code, status, detail: 'what to do', code };
  return answer(status, problem, { 'Content-Type': 'application/problem+json', ...headers });
}

/** Breaks the connection before an answer. */
export const hangUp: Act = (response) => {
  response.destroy();
};

/** Breaks the connection in the middle of the answer. */
export const hangUpInBody: Act = (response) => {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '1000' });
  response.write('{"id":', () => response.destroy());
};

/** Takes the request and never answers. */
export const stayMute: Act = () => {};
