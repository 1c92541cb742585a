import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands before a server, and breaks connections after the server has answered and before the client hears of it. */
export interface LossyProxy {
  readonly url: string;
  /** Sets the number of next responses to lose. */
  lose(answers: number): void;
  close(): Promise<void>;
}

export async function startLossyProxy(serverUrl: string): Promise<LossyProxy> {
  const { hostname, port } = new URL(serverUrl);
  const clients = new Set<Socket>();
  let toLose = 0;
  const proxy = createServer((client) => {
    clients.add(client);
    const upstream = connect({ host: hostname, port: Number(port) });
    client.pipe(upstream);
    upstream.on('data', (answer) => {
      if (toLose === 0) return client.write(answer);
      toLose -= 1;
      return client.destroy();
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
    client.on('close', () => {
      clients.delete(client);
      upstream.destroy();
    });
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    lose(answers) {
      toLose = answers;
    },
    close() {
      for (const client of clients) client.destroy();
      return new Promise((resolve) => proxy.close(() => resolve()));
    },
  };
}
