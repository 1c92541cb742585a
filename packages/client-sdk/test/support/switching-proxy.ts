import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands before a server, or before one and then another, and cuts connections. */
export interface SwitchingProxy {
  readonly url: string;
  /** New connections go to this server. */
  switchTo(serverUrl: string): void;
  /** Cuts each connection after the server has sent so many bytes on it; undefined cuts none. */
  cutBehindBytes: (() => number) | undefined;
  cutAll(): void;
  close(): Promise<void>;
}

export async function startSwitchingProxy(serverUrl: string): Promise<SwitchingProxy> {
  const clients = new Set<Socket>();
  let target = new URL(serverUrl);
  const server = createServer((client) => {
    clients.add(client);
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    let left = proxy.cutBehindBytes?.() ?? Number.POSITIVE_INFINITY;
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      client.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) client.destroySoon();
    });
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroySoon());
    client.on('error', () => upstream.destroy());
    client.on('close', () => {
      clients.delete(client);
      upstream.destroy();
    });
  });
  const cutAll = () => {
    for (const client of clients) client.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: SwitchingProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    switchTo(url) {
      target = new URL(url);
    },
    cutBehindBytes: undefined,
    cutAll,
    close() {
      cutAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}
