import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient } from 'pg';
import { isOutOfConnections } from './sql-errors.js';

export const CONNECT_TIMEOUT_MS = 5_000;
/** Between two tries where no connection was to be had. */
export const POLL_MS = 100;
/** How long a pool goes on with the connections that it has before it tries to get more. */
const GROW_AGAIN_MS = 10_000;

type Connected = (error: Error | undefined, client?: PoolClient, release?: (error?: Error | boolean) => void) => void;

/** A pool that goes on with the connections that it has when PostgreSQL gives no more. */
export class FrugalPool extends Pool {
  readonly #wanted = this.options.max;
  #growsAgainAtMs = 0;

  override connect(): Promise<PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<PoolClient> | undefined {
    const connected = this.#connect();
    if (callback === undefined) return connected;
    connected.then(
      (client) => callback(undefined, client, (error) => client.release(error)),
      (error: Error) => callback(error),
    );
    return undefined;
  }

  async #connect(): Promise<PoolClient> {
    if (this.options.max < this.#wanted && performance.now() > this.#growsAgainAtMs) this.options.max = this.#wanted;
    for (const givesUpAtMs = performance.now() + CONNECT_TIMEOUT_MS; ; ) {
      try {
        return await super.connect();
      } catch (error) {
        if (!isOutOfConnections(error) || performance.now() > givesUpAtMs) throw error;
        // With one connection at least, the next call waits until it is free.
        this.options.max = Math.max(1, this.totalCount);
        this.#growsAgainAtMs = performance.now() + GROW_AGAIN_MS;
        if (this.totalCount === 0) await delay(POLL_MS);
      }
    }
  }
}
