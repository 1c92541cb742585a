import { createQuietThread } from '../../throttling/quiet-thread.js';
import { createWorkLimit } from '../../throttling/work-limit.js';

/** One more than the thread, so that it does not wait for a database. */
const WORK_AT_ONCE_MAX = 2;
const WORK_WAITING_MAX = 100;
const HASH = { name: 'hash' };
const VERIFY = { name: 'verify' };
const UNLIKELY_PASSWORD = 'no user has this password';

/**
 * Each hash keeps a core and 19 MiB busy. There are as many processes as cores, so each has one thread for some thirty hashes a second.
 * With hashes in Node's own thread pool hundreds who sign in at once made the p99 of payments up to fifteen times as long, and with
 * two threads up to three times.
 */
const threads = createQuietThread(new URL('./password-thread.js', import.meta.url), { idleMs: 60_000 });

export interface Hasher {
  hash(password: string): Promise<string>;
  /** Takes equally long for a user that does not exist, so that timing does not reveal who is registered. */
  matches(password: string, passwordHash: string | undefined): Promise<boolean>;
}

export interface Passwords {
  /**
   * Runs all the work of a request that hashes: what is refused here has cost no statement. Of 600 who sign in at once, those
   * who are turned away would otherwise cost payments more than those who are let in.
   *
   * @throws {LedgerError} `overloaded`
   */
  use<Result>(work: (hasher: Hasher) => Promise<Result>): Promise<Result>;
}

export async function createPasswords(): Promise<Passwords> {
  const limited = createWorkLimit({ atOnceMax: WORK_AT_ONCE_MAX, waitingMax: WORK_WAITING_MAX });
  const unlikelyHash = await threads.run(UNLIKELY_PASSWORD, HASH);

  const hasher: Hasher = {
    hash: (password) => threads.run(password, HASH),
    async matches(password, passwordHash) {
      const matches = await threads.run([passwordHash ?? unlikelyHash, password], VERIFY);
      return matches && passwordHash !== undefined;
    },
  };
  return { use: (work) => limited(() => work(hasher)) };
}
