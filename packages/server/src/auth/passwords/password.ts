import { hash, verify } from '@node-rs/argon2';
import { createWorkLimit } from '../../throttling/work-limit.js';

/** OWASP's recommendation for argon2id, which is the library's default variant: 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Each hash keeps a thread and its memory busy; the rest of the thread pool stays free for other work. */
const HASHES_AT_ONCE_MAX = 2;
const HASHES_WAITING_MAX = 100;
const UNLIKELY_PASSWORD = 'no user has this password';

export interface Passwords {
  /** @throws {LedgerError} `overloaded` */
  hash(password: string): Promise<string>;
  /** Takes equally long for a user that does not exist, so that timing does not reveal who is registered. */
  matches(password: string, passwordHash: string | undefined): Promise<boolean>;
}

export async function createPasswords(): Promise<Passwords> {
  const limited = createWorkLimit({ atOnceMax: HASHES_AT_ONCE_MAX, waitingMax: HASHES_WAITING_MAX });
  const unlikelyHash = await hash(UNLIKELY_PASSWORD, COST);

  return {
    hash: (password) => limited(() => hash(password, COST)),
    async matches(password, passwordHash) {
      const matches = await limited(() => verify(passwordHash ?? unlikelyHash, password));
      return matches && passwordHash !== undefined;
    },
  };
}
