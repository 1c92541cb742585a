import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands before a PostgreSQL, or before one and then another, as a load balancer or a floating address does. */
export interface DatabaseProxy {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /** New connections go to this server; those that are there stay where they are. */
  switchTo(databaseUrl: string): void;
  /** Nothing passes any more, on new connections neither, until it is switched: the network has lost the way. */
  silence(): void;
  close(): Promise<void>;
}

export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let target = new URL(databaseUrl);
  let isSilent = false;
  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    const pair = [client, database] as const;
    pairs.add(pair);
    const cut = () => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', cut);
      socket.on('close', cut);
    }
    if (isSilent) return;
    client.pipe(database);
    database.pipe(client);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    switchTo(other) {
      target = new URL(other);
      isSilent = false;
    },
    silence() {
      isSilent = true;
      for (const pair of pairs) for (const socket of pair) socket.unpipe().pause();
    },
    close() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
