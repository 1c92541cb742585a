import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { whyNoKafka } from './libraries.js';
import { type LocalKafka, startKafka } from './start-kafka.js';

/** The brokers that all test files of a run share. */
export interface TestKafka {
  /** Answers the brokers, which are started by the first question. */
  readonly url: string;
  /** The reason why a test cannot start and kill its own broker; null if it can. */
  readonly whyNoOwn: string | null;
  /** The reason why there are no brokers; null if there are. */
  readonly whyNone: string | null;
}

/** `stop` leaves nothing behind. Without KAFKA_BROKERS a broker is started when the first test asks for it. */
export async function provideTestKafka(
  brokers: string | undefined,
): Promise<{ readonly testKafka: TestKafka; stop(): Promise<void> }> {
  const whyNoOwn = whyNoKafka() ?? null;
  let own: Promise<LocalKafka> | undefined;
  const server = createServer((_, response) => {
    own ??= brokers === undefined ? startKafka() : undefined;
    Promise.resolve(own)
      .then((kafka) => response.end(kafka?.broker ?? brokers))
      .catch((error: Error) => response.writeHead(500).end(error.message));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  server.unref();
  return {
    testKafka: { url: `http://127.0.0.1:${port}`, whyNoOwn, whyNone: brokers === undefined ? whyNoOwn : null },
    async stop() {
      server.close();
      await own?.then((kafka) => kafka.stop()).catch(() => undefined);
    },
  };
}
