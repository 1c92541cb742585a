import { randomUUID } from 'node:crypto';

/** A user: the token that goes with requests, and the wallets that they may pay from. */
export interface Payer {
  readonly accessToken: string;
  readonly wallets: readonly string[];
}

const CURRENCY = 'USD';

/** Makes whole HTTP requests as text, each with keys that were never used. */
export function createRequests(options: {
  readonly host: string;
  readonly payer: Payer;
  readonly payees: readonly string[];
  readonly batchSize: number;
}): () => string {
  const { host, payer, payees, batchSize } = options;
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${payer.accessToken}\r\n` +
    'Content-Type: application/json\r\n';
  const transfer = () => {
    const from = pick(payer.wallets);
    let to = pick(payees);
    while (to === from) to = pick(payees);
    // Two digits, so that every body has the same length.
    const amount = 10 + Math.floor(Math.random() * 90);
    return `"from":"${from}","to":"${to}","amount":"${amount}","currency":"${CURRENCY}"`;
  };

  if (batchSize === 1) {
    const start = `${head('/v1/transfers')}Content-Length: ${transfer().length + 2}\r\nIdempotency-Key: `;
    return () => `${start}${randomUUID()}\r\n\r\n{${transfer()}}`;
  }
  const start = head('/v1/transfers/batch');
  return () => {
    const transfers = Array.from({ length: batchSize }, () => `{${transfer()},"idempotencyKey":"${randomUUID()}"}`);
    const body = `{"transfers":[${transfers.join(',')}]}`;
    return `${start}Content-Length: ${body.length}\r\n\r\n${body}`;
  };
}

function pick(ids: readonly string[]): string {
  return ids[Math.floor(Math.random() * ids.length)] as string;
}
