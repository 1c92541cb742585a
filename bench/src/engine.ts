import { randomUUID } from 'node:crypto';
import { type Book, CURRENCY, randomMovement } from './book.js';

/** Posts one transfer through the engine. */
export function postWithEngine(book: Pick<Book, 'ledger' | 'accountIds'>, hot: boolean): () => Promise<unknown> {
  return () =>
    book.ledger.transfers.post({
      ...randomMovement(book, hot),
      currency: CURRENCY,
      idempotencyKey: randomUUID(),
    });
}
