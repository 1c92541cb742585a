import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AccountId } from '../domain/accounts/account.js';
import type { Candidate, Outcome } from '../domain/decision/decide.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { createParking, type Parking } from './parking.js';
import type { Resolved } from './waiting.js';

const BUSY_ACCOUNT = 'busy' as AccountId;
const RETRY_MS = 20;
const TIMEOUT_MS = 100;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Names and answers of requests, in the order in which they came. */
let answers: [name: string, answer: string][];
beforeEach(() => {
  answers = [];
});

interface Part {
  readonly account?: string;
  readonly sequence?: object | null;
  readonly ledger?: number;
  readonly unconfirmed?: boolean;
}

function requestOf(name: string, part: Part = {}): Resolved {
  const { account = 'busy', sequence = null, ledger = 1, unconfirmed = false } = part;
  const leg = { id: name, idGiven: false, from: account, to: 'other', leg: {} };
  return {
    posting: {
      ledger,
      legCount: 1,
      references: [],
      originals: [],
      sequence,
      span: undefined,
      toCandidate: () => ({}) as Candidate,
    },
    settle: (outcome: Outcome | Error) => {
      answers.push([name, 'code' in outcome ? String(outcome.code) : 'posted']);
    },
    candidate: { legs: [leg], linked: false, keyDigest: null, requestDigest: null, sequence } as unknown as Candidate,
    queuedAtMs: 0,
    unconfirmed: new Set(unconfirmed ? [name as TransferId] : []),
  };
}

const nameOf = ({ candidate }: Resolved) => String(candidate.legs[0]?.id);

/** A parking whose retries take `isFree` as the truth about the database. */
function parkingOf(isFree: (account: string) => boolean) {
  const retries: string[][] = [];
  const parking: Parking = createParking({
    capacity: { accountBusyTimeoutMs: TIMEOUT_MS },
    retry: async (_, batch) => {
      retries.push(batch.map(nameOf));
      await Promise.resolve();
      const held = new Set<object>();
      const busy: Resolved[] = [];
      for (const waiting of batch) {
        const { sequence, legs } = waiting.candidate;
        if (isFree(String(legs[0]?.from)) && !(sequence !== null && held.has(sequence))) waiting.settle([]);
        else {
          if (sequence !== null) held.add(sequence);
          busy.push(waiting);
        }
      }
      const candidates = batch.map(({ candidate }) => candidate);
      parking.learn(candidates, busy.length > 0 ? [BUSY_ACCOUNT] : []);
      for (const waiting of busy) parking.park(waiting);
    },
  });
  return { parking, retries };
}

const nothingIsFree = () => false;

describe('parking', () => {
  it('parking diverts nothing while no account is busy', () => {
    const { parking } = parkingOf(nothingIsFree);
    const batch = [requestOf('a'), requestOf('b')];
    expect(parking.divert(batch)).toBe(batch);
  });

  it('parking diverts requests for a busy account and lets the others through', () => {
    const { parking } = parkingOf(nothingIsFree);
    parking.learn([], [BUSY_ACCOUNT]);
    const batch = [requestOf('a'), requestOf('b', { account: 'free' }), requestOf('c')];
    expect(parking.divert(batch).map(nameOf)).toEqual(['b']);
  });

  it('parking retries every 20 ms, oldest request first', async () => {
    const { parking, retries } = parkingOf(nothingIsFree);
    parking.park(requestOf('a'));
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    parking.park(requestOf('b'));
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(retries).toEqual([['a'], ['a', 'b']]);
  });

  it('parking answers each request with account_busy after its own timeout', async () => {
    const { parking } = parkingOf(nothingIsFree);
    parking.park(requestOf('a'));
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS / 2);
    parking.park(requestOf('b'));
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS / 2 + RETRY_MS);
    expect(answers).toEqual([['a', 'account_busy']]);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS / 2);
    expect(answers).toEqual([
      ['a', 'account_busy'],
      ['b', 'account_busy'],
    ]);
  });

  it('parking answers with outcome_unknown when a commit of the request was not confirmed', async () => {
    const { parking } = parkingOf(nothingIsFree);
    parking.park(requestOf('a', { unconfirmed: true }));
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS + RETRY_MS);
    expect(answers).toEqual([['a', 'outcome_unknown']]);
  });

  it('parking posts a parked request once the account is free, and then diverts nothing', async () => {
    let isFree = false;
    const { parking } = parkingOf(() => isFree);
    parking.learn([], [BUSY_ACCOUNT]);
    parking.divert([requestOf('a')]);
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    isFree = true;
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(answers).toEqual([['a', 'posted']]);
    expect(parking.divert([requestOf('b')]).map(nameOf)).toEqual(['b']);
  });

  it('parking retries each ledger in its own batch', async () => {
    const { parking, retries } = parkingOf(nothingIsFree);
    parking.park(requestOf('a', { ledger: 1 }));
    parking.park(requestOf('b', { ledger: 2 }));
    parking.park(requestOf('c', { ledger: 1 }));
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(retries).toEqual([['a', 'c'], ['b']]);
  });

  it('parking stops trying when nothing is parked', async () => {
    const { parking, retries } = parkingOf(() => true);
    parking.park(requestOf('a'));
    await vi.advanceTimersByTimeAsync(10 * RETRY_MS);
    expect(retries).toEqual([['a']]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('an ordered call', () => {
  const sequence = {};

  it('an ordered call waits behind its first parked request, even if its other accounts are free', () => {
    const { parking } = parkingOf(nothingIsFree);
    parking.park(requestOf('a', { sequence }));
    const batch = [requestOf('b', { sequence, account: 'free' }), requestOf('c', { account: 'free' })];
    expect(parking.divert(batch).map(nameOf)).toEqual(['c']);
  });

  it('an ordered call continues after its first request is refused with account_busy', async () => {
    const { parking } = parkingOf((account) => account === 'free');
    parking.park(requestOf('a', { sequence }));
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    parking.divert([requestOf('b', { sequence, account: 'free' })]);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    expect(answers).toEqual([
      ['a', 'account_busy'],
      ['b', 'posted'],
    ]);
    expect(parking.divert([requestOf('c', { sequence, account: 'free' })]).map(nameOf)).toEqual(['c']);
  });

  it('an ordered call is retried once after a request before it was refused, even if its own timeout has passed', async () => {
    const { parking } = parkingOf((account) => account === 'free');
    const call = [
      requestOf('a', { sequence }),
      requestOf('b', { sequence, account: 'free' }),
      requestOf('c', { sequence }),
    ];
    for (const waiting of call) parking.park(waiting);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS + 2 * RETRY_MS);
    expect(answers).toEqual([
      ['a', 'account_busy'],
      ['c', 'account_busy'],
      ['b', 'posted'],
    ]);
  });

  it('an ordered call keeps its order when the rest of it is parked while its first request is retried', async () => {
    let isFree = false;
    const { parking, retries } = parkingOf(() => isFree);
    parking.park(requestOf('a', { sequence }));
    parking.park(requestOf('b', { sequence }));
    vi.advanceTimersByTime(RETRY_MS);
    // The trial of a and b is under way.
    parking.divert([requestOf('c', { sequence, account: 'free' })]);
    await vi.advanceTimersByTimeAsync(0);
    isFree = true;
    await vi.advanceTimersByTimeAsync(2 * RETRY_MS);
    expect(retries).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]);
    expect(answers.map(([name]) => name)).toEqual(['a', 'b', 'c']);
  });
});
