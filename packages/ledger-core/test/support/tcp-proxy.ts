import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * The proxy's action on a commit: `forward` it, `swallow` its response and cut the connection after it has taken place, or
 * `drop` it and cut the connection.
 */
export type OnCommit = 'forward' | 'swallow' | 'drop';

/** Stands between the ledger and PostgreSQL, and breaks what it is told to break. */
export interface TcpProxy {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** For the next commit alone; then again `forward`. */
  onNextCommit: OnCommit;
  /** Commits that were swallowed or dropped so far. */
  readonly commitsBroken: number;
  /** New connections are cut as soon as they come. */
  isAway: boolean;
  /** Data that arrives is kept and no connection is closed, as if the network lost every packet. */
  isSilent: boolean;
  /** Cuts every connection. */
  cutAll(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(databaseUrl: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(databaseUrl);
  const pairs = new Set<Pair>();
  const server = createServer((client) => {
    if (proxy.isAway) {
      client.destroy();
      return;
    }
    const pair = joinPair(client, connect(Number(port), hostname), proxy);
    pairs.add(pair);
    pair.onEnd(() => pairs.delete(pair));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const cutAll = () => {
    for (const pair of pairs) pair.cut();
  };
  const proxy = {
    url: url.href,
    onNextCommit: 'forward' as OnCommit,
    commitsBroken: 0,
    isAway: false,
    isSilent: false,
    cutAll,
    close: () =>
      new Promise<void>((closed) => {
        cutAll();
        server.close(() => closed());
      }),
  };
  return proxy;
}

interface Pair {
  cut(): void;
  onEnd(listener: () => void): void;
}

interface Orders {
  onNextCommit: OnCommit;
  commitsBroken: number;
  readonly isSilent: boolean;
}

function joinPair(client: Socket, database: Socket, orders: Orders): Pair {
  let isSwallowing = false;
  const cut = () => {
    client.destroy();
    database.destroy();
  };
  const readMessages = messageReader();
  for (const socket of [client, database]) {
    socket.setNoDelay(true);
    socket.on('error', cut);
    socket.on('close', cut);
  }
  client.on('data', (chunk) => {
    if (orders.isSilent) return;
    for (const message of readMessages(chunk)) {
      if (isCommit(message) && orders.onNextCommit !== 'forward') {
        const { onNextCommit } = orders;
        orders.onNextCommit = 'forward';
        orders.commitsBroken += 1;
        if (onNextCommit === 'drop') {
          // Data that was sent before must arrive.
          database.end(() => client.destroy());
          return;
        }
        isSwallowing = true;
      }
      database.write(message);
    }
  });
  database.on('data', (chunk) => {
    if (orders.isSilent) return;
    if (!isSwallowing) {
      client.write(chunk);
      return;
    }
    if (chunk.includes('COMMIT\0')) cut();
  });
  return {
    cut,
    onEnd: (listener) => {
      client.once('close', listener);
    },
  };
}

/** Cuts what a client sends into its messages. The first has no type, only a length. */
export function messageReader(): (chunk: Buffer) => readonly Buffer[] {
  let rest = Buffer.alloc(0);
  let typeLength = 0;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      if (rest.length < typeLength + 4) return messages;
      const length = typeLength + rest.readUInt32BE(typeLength);
      if (rest.length < length) return messages;
      messages.push(rest.subarray(0, length));
      rest = rest.subarray(length);
      typeLength = 1;
    }
  };
}

/** A simple query (type Q) that says `commit`. */
export function isCommit(message: Buffer): boolean {
  return message[0] === 0x51 && message.subarray(5, -1).toString() === 'commit';
}
