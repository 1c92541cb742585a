import { setTimeout as delay } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { isOutOfConnections } from './sql-errors.js';

export const CONNECT_TIMEOUT_MS = 5_000;
/** Between two tries where no connection was to be had. */
export const POLL_MS = 100;
/** The pause before a pool that was refused a connection tries to open one again. */
const GROW_AGAIN_MS = 10_000;

type Connected = (error: Error | undefined, client?: PoolClient, release?: (error?: Error | boolean) => void) => void;

/** The longest wait for a connection. */
const ASK_MS = 2 * POLL_MS;

/** All pools of this process. */
const pools = new Set<FrugalPool>();
let askedUntilMs = Number.NEGATIVE_INFINITY;

/** Asks the pools of this process, which may have taken all connections there are, for one that they can spare. */
export function askForConnection(): void {
  askedUntilMs = performance.now() + ASK_MS;
  [...pools].find(({ idleCount, totalCount }) => idleCount > 0 && totalCount > 1)?.giveUpIdle();
}

/** A pool that goes on with the connections that it has when PostgreSQL gives no more. */
export class FrugalPool extends Pool {
  readonly #wanted = this.options.max;
  #growsAgainAtMs = 0;

  constructor(config: PoolConfig) {
    super(config);
    pools.add(this);
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    pools.delete(this);
    return callback === undefined ? super.end() : void super.end(callback);
  }

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
        this.#goOnWith(this.totalCount);
        if (this.totalCount === 0) {
          askForConnection();
          await delay(POLL_MS);
        }
      }
    }
  }

  /** Whether a released connection should close, because another pool here has none and this one keeps another. */
  givesUpOne(): boolean {
    if (performance.now() > askedUntilMs || this.totalCount <= 1) return false;
    this.#goOnWith(this.totalCount - 1);
    return true;
  }

  giveUpIdle(): void {
    super.connect().then(
      (client) => {
        this.#goOnWith(this.totalCount - 1);
        client.release(true);
      },
      () => undefined,
    );
  }

  #goOnWith(connections: number): void {
    this.options.max = Math.max(1, connections);
    this.#growsAgainAtMs = performance.now() + GROW_AGAIN_MS;
  }
}
