import type { Client } from 'pg';

/**
 * All connections of this process to one address, and the server that was met there last. After a failover the same address
 * leads to another server, while open connections still lead to the old one: it refuses writes and reads what is stale, or it
 * hangs. So whatever one connection learns of its server counts for all the others.
 */
interface Address {
  readonly connections: Set<Connection>;
  /** The server that the latest connection has met, by the instant of its start. */
  server: { readonly id: string; readonly attempt: number } | undefined;
  /** A write met a full disk, and none has succeeded since. */
  isDiskFull: boolean;
  isProbing: boolean;
  probeAtMs: number;
  patienceMs: number;
  timer: NodeJS.Timeout | undefined;
}

interface Connection {
  readonly client: Client;
  readonly address: Address;
  /** Counts up with each connection that is begun. */
  readonly attempt: number;
  /** Opens another connection to the address, to find out which server is there. */
  readonly probe: () => Promise<void>;
  /** Undefined until it is made. */
  server: string | undefined;
  /** In a pool, and nobody uses it; undefined outside of pools. */
  isIdle: boolean | undefined;
  isRetired: boolean;
  bytesRead: number;
  silentSinceMs: number | undefined;
}

/** The server's parameters on a new connection. */
export interface ServerState {
  /** When it was started: another server, or the same one anew, has another instant. */
  readonly server_started: string;
  readonly read_only: boolean;
}

/** SQLSTATEs of a server that is read-only, shutting down, crashed or starting: its connections must be replaced. */
const LEAVE_STATE = /^(?:25006|57P0[123])$/;
const DISK_FULL_STATE = '53100';
/** PostgreSQL reports these with its next response when a server has become a standby, or read-only by a setting. */
const READ_ONLY_PARAMETER = /^(?:in_hot_standby|default_transaction_read_only)$/;

const LOOK_EVERY_MS = 500;
/** A connection that waits so long without hearing a byte is in doubt. */
const DOUBT_MS = 1_000;
/** A statement may well take long: the same server is not asked for again and again. */
const PATIENCE_MAX_MS = 16_000;

const addresses = new Map<string, Address>();
const connections = new WeakMap<object, Connection>();
let attempts = 0;

/** Watches a client from before it connects until it ends. */
export function watchClient(client: Client, probe: () => Promise<void>): void {
  const address = addressOf(`${client.host}:${client.port}/${client.database}`);
  attempts += 1;
  const connection: Connection = {
    client,
    address,
    attempt: attempts,
    probe,
    server: undefined,
    isIdle: undefined,
    isRetired: false,
    bytesRead: 0,
    silentSinceMs: undefined,
  };
  connections.set(client, connection);
  address.connections.add(connection);
  address.timer ??= setInterval(() => look(address), LOOK_EVERY_MS).unref();
  client.once('end', () => {
    address.connections.delete(connection);
    if (address.connections.size > 0) return;
    clearInterval(address.timer);
    address.timer = undefined;
  });
  const { connection: messages } = client;
  messages.on('errorMessage', ({ code = '' }: { readonly code?: string }) => {
    if (code === DISK_FULL_STATE) address.isDiskFull = true;
    if (connection.server !== undefined && LEAVE_STATE.test(code)) retireAll(address);
  });
  messages.on('parameterStatus', (status: { readonly parameterName: string; readonly parameterValue: string }) => {
    if (connection.server === undefined || status.parameterValue !== 'on') return;
    if (!READ_ONLY_PARAMETER.test(status.parameterName)) return;
    retireAll(address);
    // The response that carried the notice may be stale, so it is not handed on.
    drop(connection);
  });
}

function addressOf(name: string): Address {
  const known = addresses.get(name);
  if (known !== undefined) return known;
  const made: Address = {
    connections: new Set(),
    server: undefined,
    isDiskFull: false,
    isProbing: false,
    probeAtMs: 0,
    patienceMs: LOOK_EVERY_MS,
    timer: undefined,
  };
  addresses.set(name, made);
  return made;
}

/**
 * Takes note of the server that a new connection leads to, and leaves connections that were begun earlier and lead elsewhere.
 *
 * @throws Error with SQLSTATE 25006 where the server takes no writes: what it reads may be stale
 */
export function meetServer(client: object, { server_started: id, read_only: isReadOnly }: ServerState): void {
  if (isReadOnly) throw readOnlyServer();
  const connection = connections.get(client);
  if (connection === undefined) return;
  const { address, attempt } = connection;
  connection.server = id;
  if (address.server !== undefined && address.server.attempt > attempt && address.server.id !== id) {
    throw new Error('Connection terminated: the address leads to another server by now');
  }
  const isOther = address.server !== undefined && address.server.id !== id;
  address.server = { id, attempt: Math.max(attempt, address.server?.attempt ?? 0) };
  if (!isOther) return;
  for (const other of address.connections) {
    if (other.attempt < attempt && leadsElsewhere(other, id)) drop(other);
  }
}

/** One that is still being made learns by itself where it leads, unless it hears nothing. */
function leadsElsewhere({ server, silentSinceMs }: Connection, id: string): boolean {
  return server === undefined ? silentSinceMs !== undefined : server !== id;
}

function readOnlyServer(): Error {
  return Object.assign(new Error('this server is read-only: a standby, or a primary that was replaced'), {
    code: '25006',
    severity: 'FATAL',
  });
}

/** Idle connections are left at once, those in use when their work is done: a transaction under way may well succeed. */
function retireAll(address: Address): void {
  for (const connection of address.connections) {
    if (connection.isRetired || connection.server === undefined) continue;
    if (connection.isIdle) drop(connection);
    else retire(connection);
  }
}

function retire(connection: Connection): void {
  connection.isRetired = true;
  // Outside of pools it closes after the statements already sent; a pool drops it when it is released.
  if (connection.isIdle === undefined) connection.client.end().catch(() => undefined);
}

/** Leaves a connection as it is: whatever waits on it hears that it is lost. */
function drop(connection: Connection): void {
  connection.isRetired = true;
  // The pool must not hand it out in the moment until it is closed.
  if (connection.isIdle) connection.client.emit('error', new Error('Connection terminated: its server was left'));
  connection.client.connection.stream.destroy();
}

/** False once nothing more should be sent on this connection. */
export function isRetired(client: object): boolean {
  return connections.get(client)?.isRetired === true;
}

/** The server that a connection leads to, by the instant of its start; undefined before it is known. */
export function serverOf(client: object): string | undefined {
  return connections.get(client)?.server;
}

/** A pool reports when a connection is in use. */
export function setIdle(client: Client, isIdle: boolean): void {
  const connection = connections.get(client);
  if (connection === undefined) return;
  connection.isIdle = isIdle;
  if (isIdle && connection.isRetired) client.end().catch(() => undefined);
}

/** Checks which server is at the address when a connection gets no response: its own server may be gone. */
function look(address: Address): void {
  const nowMs = performance.now();
  const [silent] = [...address.connections].filter((connection) => isSilent(connection, nowMs));
  if (silent === undefined) {
    address.patienceMs = LOOK_EVERY_MS;
    return;
  }
  if (address.isProbing || nowMs < address.probeAtMs) return;
  address.isProbing = true;
  silent
    .probe()
    .then(
      () => {
        address.patienceMs = Math.min(PATIENCE_MAX_MS, 2 * address.patienceMs);
      },
      () => undefined,
    )
    .finally(() => {
      address.isProbing = false;
      address.probeAtMs = performance.now() + address.patienceMs;
    });
}

function isSilent(connection: Connection, nowMs: number): boolean {
  const { client, server } = connection;
  // `pg` says so, and its types do not.
  const { readyForQuery } = client as unknown as { readonly readyForQuery?: boolean };
  const { bytesRead } = client.connection.stream as unknown as { readonly bytesRead: number };
  if ((server !== undefined && readyForQuery !== false) || bytesRead !== connection.bytesRead) {
    connection.bytesRead = bytesRead;
    connection.silentSinceMs = undefined;
    return false;
  }
  connection.silentSinceMs ??= nowMs;
  return nowMs - connection.silentSinceMs >= DOUBT_MS;
}

/** Runs `write`, which takes room on the disk, if a write met a full one and none has taken room since. */
export async function whileDiskIsFull(client: object, write: () => Promise<unknown>): Promise<void> {
  const address = connections.get(client)?.address;
  if (address?.isDiskFull !== true) return;
  await write();
  address.isDiskFull = false;
}
