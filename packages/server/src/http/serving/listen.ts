import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { StartError } from '../../errors/start-error.js';
import { serveSequentially } from './serve-sequentially.js';

/** A client that does not get its request across in this time is not worth a connection. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than load balancers keep idle connections, so that it is they who close them: no request is cut off. */
const KEEP_ALIVE_MS = 65_000;
/** A client that has read nothing of a response for so long is disconnected. */
const STALL_MS = 30_000;
const IDLE_CHECK_MS = 50;

export interface Listening {
  readonly url: string;
  /** Takes no more connections, lets the requests under way finish, and cuts off what then still runs. */
  stop(timeoutMs: number): Promise<void>;
}

/** @throws {StartError} `port_in_use`, `address_unavailable` */
export async function listen(
  listener: RequestListener,
  { host, port, stallMs = STALL_MS }: { readonly host: string; readonly port: number; readonly stallMs?: number },
): Promise<Listening> {
  const { listener: sequential, isAnswering } = serveSequentially(listener);
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Of two credentials none counts, and not silently the first.
      joinDuplicateHeaders: true,
    },
    sequential,
  );
  // Node has no limit for writing. It says when nothing came or went on a connection, which an answer that is still
  // worked on may need.
  server.setTimeout(stallMs, (socket) => {
    if (socket.writableLength > 0 || !isAnswering(socket)) socket.destroy();
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(explain(error, host, port)));
    server.listen(port, host, resolve);
  });
  const { address, family, port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    stop: (timeoutMs) => stop(server, sockets, timeoutMs),
  };
}

async function stop(server: Server, sockets: ReadonlySet<Socket>, timeoutMs: number): Promise<void> {
  // A client that sends another request on its connection gets a response that closes the connection.
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const closeIdle = () => {
    server.closeIdleConnections();
    // Node counts a connection on which nothing was ever asked as a busy one.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
  closeIdle();
  const idle = setInterval(closeIdle, IDLE_CHECK_MS);
  const force = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(idle);
  clearTimeout(force);
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new StartError('port_in_use', `port ${port} is in use: stop what uses it, or set PORT to another`, {
      cause: error,
    });
  }
  if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new StartError(
      'address_unavailable',
      `cannot listen on ${host}:${port} (${error.code}): set HOST and PORT to an address of this machine`,
      { cause: error },
    );
  }
  return error;
}
