import { describe, expect, it } from 'vitest';
import type { AccountId } from '../domain/accounts/account.js';
import type { Candidate, Outcome } from '../domain/decision/decide.js';
import { LedgerError } from '../errors.js';
import type { BatchReport } from './batch-report.js';
import { DEFAULT_CAPACITY, type EngineCapacity } from './capacity.js';
import { type CoalescerDependencies, createCoalescer } from './coalescer.js';
import { BUSY } from './post-batch.js';
import type { BatchInput } from './posting-pipeline.js';
import type { RetriedResult } from './retry.js';
import type { Posting } from './waiting.js';

interface Part {
  readonly ledger?: number;
  readonly legs?: number;
  readonly sequence?: object | null;
  readonly account?: string;
}

/** A request that is known by its name. */
function postingOf(name: string, part: Part = {}): Posting {
  const { ledger = 1, legs = 1, sequence = null, account = 'alice' } = part;
  const references = Array.from({ length: legs }, () => [account, 'world']).flat();
  return {
    ledger,
    legCount: legs,
    references,
    originals: [],
    sequence,
    span: undefined,
    toCandidate: ({ accountId }) =>
      ({
        legs: [{ id: name, idGiven: false, from: accountId(account), to: accountId('world'), leg: {} }],
        linked: false,
        keyDigest: null,
        requestDigest: null,
        sequence,
      }) as unknown as Candidate,
  };
}

const nameOf = ({ legs }: Candidate) => String(legs[0]?.id);
const posted = (candidate: Candidate): Outcome => [{ id: nameOf(candidate) }] as unknown as Outcome;

/** Until everything has come on that can. */
const nextRounds = async () => {
  for (let round = 0; round < 3; round += 1) await nextRound();
};
const nextRound = () => new Promise<void>((resolve) => setImmediate(resolve));

type Judgement = Omit<RetriedResult, 'failedRuns' | 'times'> & Partial<RetriedResult>;

/** A coalescer whose batches end when the test says so. */
function coalescerOf(given: Partial<EngineCapacity> = {}, dependencies: Partial<CoalescerDependencies> = {}) {
  const capacity = { ...DEFAULT_CAPACITY, ...given };
  const batches: {
    lane: number;
    ledger: number;
    names: string[];
    input: BatchInput;
    sent: () => void;
    end: () => void;
  }[] = [];
  let ended = 0;
  /** The result that the database would give for a batch. */
  let judge = (input: BatchInput): Judgement => ({
    outcomes: input.candidates.map(posted),
    busyAccounts: [],
    unconfirmed: new Set(),
  });
  const coalescer = createCoalescer({
    capacity,
    resolve: async () => ({ accountId: (reference) => reference as AccountId, original: () => undefined }),
    async run(lease, input) {
      const { ledger, candidates } = input;
      const lane = await lease.take();
      return new Promise((resolve, reject) => {
        const end = () => {
          try {
            resolve({ failedRuns: [], times: { lockMs: 1, transactionMs: 2 }, ...judge(input) });
          } catch (error) {
            reject(error);
          }
        };
        batches.push({ lane, ledger, names: candidates.map(nameOf), input, sent: lease.handOver, end });
      });
    },
    ...dependencies,
  });
  return {
    ...coalescer,
    batches,
    names: () => batches.map((batch) => batch.names),
    onJudge: (answer: (input: BatchInput) => Judgement) => {
      judge = answer;
    },
    /** Ends batches as they come, until none is under way. */
    async finish() {
      for (;;) {
        await nextRounds();
        await nextRounds();
        if (ended === batches.length) return;
        while (ended < batches.length) {
          batches[ended]?.end();
          ended += 1;
        }
      }
    },
  };
}

describe('the coalescer', () => {
  it('the coalescer puts calls that arrive together into one batch', async () => {
    const { submit, finish, names } = coalescerOf();
    const answers = [submit(postingOf('a')), submit(postingOf('b'))];
    await finish();
    expect(names()).toEqual([['a', 'b']]);
    expect(await Promise.all(answers)).toMatchObject([[{ id: 'a' }], [{ id: 'b' }]]);
  });

  it('the coalescer puts requests that arrive while the lane is busy into the next batch', async () => {
    const { submit, finish, names } = coalescerOf({ lanes: 1 });
    void submit(postingOf('a'));
    await nextRound();
    for (const name of ['b', 'c', 'd']) void submit(postingOf(name));
    await finish();
    expect(names()).toEqual([['a'], ['b', 'c', 'd']]);
  });

  it('the coalescer limits a batch to batchSizeMax legs, counting each leg of a linked group', async () => {
    const { submit, finish, names } = coalescerOf({ batchSizeMax: 3 });
    for (const [name, legs] of Object.entries({ a: 1, b: 2, c: 1, d: 3, e: 5, f: 1 })) {
      void submit(postingOf(name, { legs }));
    }
    await finish();
    expect(names()).toEqual([['a', 'b'], ['c'], ['d'], ['e'], ['f']]);
  });

  it('the coalescer never mixes ledgers in a batch, and alternates between ledgers', async () => {
    const { submit, finish, batches } = coalescerOf({ batchSizeMax: 2, lanes: 1 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) void submit(postingOf(name, { ledger: 1 }));
    for (const name of ['x', 'y', 'z']) void submit(postingOf(name, { ledger: 2 }));
    await finish();
    expect(batches.map(({ ledger, names }) => [ledger, names.join('')])).toEqual([
      [1, 'ab'],
      [2, 'xy'],
      [1, 'cd'],
      [2, 'z'],
      [1, 'e'],
    ]);
  });

  it('the coalescer uses all its lanes at the same time', async () => {
    const { submit, finish, batches } = coalescerOf({ batchSizeMax: 1, lanes: 2 });
    for (const name of ['a', 'b', 'c']) void submit(postingOf(name));
    await nextRound();
    await nextRound();
    expect(batches).toHaveLength(2);
    expect(new Set(batches.map(({ lane }) => lane)).size).toBe(2);
    await finish();
  });

  it('the coalescer splits many requests into two batches, and sends the second before the first is answered', async () => {
    const { submit, finish, batches } = coalescerOf({ lanes: 1 });
    for (let index = 0; index < 600; index += 1) void submit(postingOf(`${index}`));
    await nextRounds();
    expect(batches.map(({ names }) => names.length)).toEqual([300]);
    batches[0]?.sent();
    await nextRounds();
    expect(batches.map(({ names }) => names.length)).toEqual([300, 300]);
    await finish();
  });

  it('the coalescer takes half of all waiting and sent requests, so that uneven batches become even', async () => {
    const { submit, batches } = coalescerOf({ lanes: 1 });
    const submitMany = (count: number, from: string) => {
      for (let index = 0; index < count; index += 1) void submit(postingOf(`${from} ${index}`));
    };
    submitMany(200, 'first');
    await nextRounds();
    submitMany(600, 'second');
    batches[0]?.sent();
    await nextRounds();
    expect(batches.map(({ names }) => names.length)).toEqual([200, 400]);
    batches[0]?.end();
    batches[1]?.sent();
    await nextRounds();
    submitMany(200, 'first again');
    await nextRounds();
    expect(batches.map(({ names }) => names.length)).toEqual([200, 400, 400]);
  });

  it('the coalescer waits for three quarters of the previous batch’s callers before it sends a second batch, or for the answers', async () => {
    const { submit, batches } = coalescerOf({ lanes: 1 });
    for (let index = 0; index < 800; index += 1) void submit(postingOf(`${index}`));
    await nextRounds();
    batches[0]?.sent();
    await nextRounds();
    batches[1]?.sent();
    batches[0]?.end();
    await nextRounds();
    await nextRounds();
    for (let index = 0; index < 200; index += 1) void submit(postingOf(`again ${index}`));
    await nextRounds();
    expect(batches.map(({ names }) => names.length)).toEqual([400, 400]);
    batches[1]?.end();
    await nextRounds();
    await nextRounds();
    expect(batches.map(({ names }) => names.length)).toEqual([400, 400, 200]);
  });

  it('the coalescer answers a hundred callers at a time, so that connections are read in between', async () => {
    const { submit, batches } = coalescerOf({ lanes: 1 });
    let answered = 0;
    for (let index = 0; index < 250; index += 1) void submit(postingOf(`${index}`)).then(() => (answered += 1));
    await nextRounds();
    batches[0]?.end();
    const seen: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await nextRound();
      seen.push(answered);
    }
    expect(seen).toEqual([100, 200, 250, 250]);
  });

  it('the coalescer keeps a few requests until the batch in progress is answered, so that they join the next one', async () => {
    const { submit, finish, batches, names } = coalescerOf({ lanes: 1 });
    void submit(postingOf('a'));
    await nextRounds();
    batches[0]?.sent();
    void submit(postingOf('b'));
    await nextRounds();
    void submit(postingOf('c'));
    await nextRounds();
    expect(names()).toEqual([['a']]);
    await finish();
    expect(names()).toEqual([['a'], ['b', 'c']]);
  });

  it('the coalescer sends a few requests of another ledger at once, because they could not join a batch anyway', async () => {
    const { submit, finish, batches, names } = coalescerOf({ lanes: 1 });
    for (const [name, ledger] of Object.entries({ a: 1, b: 2, c: 3 })) void submit(postingOf(name, { ledger }));
    await nextRounds();
    batches[0]?.sent();
    await nextRounds();
    expect(names()).toEqual([['a'], ['b']]);
    await finish();
    expect(names()).toEqual([['a'], ['b'], ['c']]);
  });

  it('the coalescer refuses requests beyond queueMax with overloaded, and accepts requests again once there is room', async () => {
    const { submit, finish } = coalescerOf({ queueMax: 2 });
    const answers = ['a', 'b', 'c'].map((name) => submit(postingOf(name)));
    expect(await answers[2]).toMatchObject({ code: 'overloaded', retryable: true });
    await finish();
    const later = submit(postingOf('d'));
    await finish();
    expect(await later).toMatchObject([{ id: 'd' }]);
  });

  it('the coalescer answers every caller of a batch whose accounts cannot be looked up', async () => {
    const refusal = new LedgerError('database_unavailable', 'away');
    const { submit, finish } = coalescerOf({}, { resolve: () => Promise.reject(refusal) });
    const answers = [submit(postingOf('a')), submit(postingOf('b'))];
    await finish();
    expect(await Promise.all(answers)).toEqual([refusal, refusal]);
  });

  it('the coalescer reports why the accounts of a batch could not be looked up', async () => {
    const cause = Object.assign(new Error('no route to the database'), { code: 'ECONNREFUSED', syscall: 'connect' });
    const refusal = new LedgerError('database_unavailable', 'away', {}, { cause });
    const reports: BatchReport[] = [];
    const { submit, finish } = coalescerOf(
      {},
      { resolve: () => Promise.reject(refusal), report: (report) => reports.push(report) },
    );
    void submit(postingOf('a'));
    await finish();
    expect(reports).toMatchObject([{ requests: 1, lockMs: null, transactionMs: null, failedRuns: ['connection'] }]);
  });

  it('the coalescer rejects the callers of a batch that throws, and runs the next batch', async () => {
    const { submit, finish, onJudge } = coalescerOf();
    const fault = new Error('a bug');
    onJudge(() => {
      throw fault;
    });
    const first = submit(postingOf('a')).catch((error: unknown) => error);
    await finish();
    onJudge(({ candidates }) => ({ outcomes: candidates.map(posted), busyAccounts: [], unconfirmed: new Set() }));
    const second = submit(postingOf('b'));
    await finish();
    expect([await first, await second]).toMatchObject([fault, [{ id: 'b' }]]);
  });

  it('the coalescer answers one request with its fault, and the others of the batch with their own outcomes', async () => {
    const { submit, finish, onJudge } = coalescerOf();
    const fault = new Error('poison');
    onJudge(({ candidates }) => ({
      outcomes: candidates.map((candidate) => (nameOf(candidate) === 'b' ? fault : posted(candidate))),
      busyAccounts: [],
      unconfirmed: new Set(),
    }));
    const answers = Promise.all(['a', 'b', 'c'].map((name) => submit(postingOf(name))));
    await finish();
    expect(await answers).toMatchObject([[{ id: 'a' }], fault, [{ id: 'c' }]]);
  });
});

describe('drain', () => {
  it('drain resolves when every accepted request is answered, and accepts no new ones', async () => {
    const { submit, drain, finish } = coalescerOf();
    const answer = submit(postingOf('a'));
    let isDrained = false;
    const drained = drain().then(() => {
      isDrained = true;
    });
    expect(await submit(postingOf('b'))).toMatchObject({ code: 'ledger_closed', retryable: false });
    expect(isDrained).toBe(false);
    await finish();
    await drained;
    expect(await answer).toMatchObject([{ id: 'a' }]);
  });

  it('drain resolves immediately when no request waits', async () => {
    await expect(coalescerOf().drain()).resolves.toBeUndefined();
  });

  it('drain waits for parked requests', async () => {
    const { submit, drain, finish, onJudge } = coalescerOf({ accountBusyTimeoutMs: 60 });
    onJudge(({ candidates }) => ({
      outcomes: candidates.map(() => BUSY),
      busyAccounts: ['alice' as AccountId],
      unconfirmed: new Set(),
    }));
    const answer = submit(postingOf('a'));
    await finish();
    await Promise.all([drain(), finishUntil(finish, answer)]);
    expect(await answer).toMatchObject({ code: 'account_busy' });
  });
});

async function finishUntil(finish: () => Promise<void>, answer: Promise<unknown>): Promise<void> {
  let isAnswered = false;
  void answer.then(() => {
    isAnswered = true;
  });
  while (!isAnswered) await finish();
}

describe('an ordered call', () => {
  const sequence = {};
  const ordered = (name: string, account?: string) =>
    postingOf(name, account === undefined ? { sequence } : { sequence, account });

  it('an ordered call is not split into batches that run at the same time', async () => {
    const { submit, finish, batches, names } = coalescerOf({ batchSizeMax: 2, lanes: 4 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) void submit(ordered(name));
    await nextRound();
    await nextRound();
    expect(batches).toHaveLength(1);
    await finish();
    expect(names()).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('an ordered call is not split in two, however many requests wait', async () => {
    const { submit, finish, names } = coalescerOf({ lanes: 1 });
    for (let index = 0; index < 400; index += 1) void submit(ordered(`${index}`));
    for (let index = 0; index < 200; index += 1) void submit(postingOf(`other ${index}`));
    await finish();
    expect(names().map((batch) => batch.length)).toEqual([400, 200]);
  });

  it('an ordered call leaves the other lanes to other ledgers', async () => {
    const { submit, finish, names } = coalescerOf({ batchSizeMax: 1, lanes: 2 });
    for (const name of ['a', 'b']) void submit(ordered(name));
    void submit(postingOf('x', { ledger: 2 }));
    await nextRound();
    await nextRound();
    expect(names()).toEqual([['a'], ['x']]);
    await finish();
  });

  it('an ordered call keeps its order when its first request finds its account busy', async () => {
    const applied: string[] = [];
    let isBusy = true;
    const { submit, finish, onJudge } = coalescerOf({ batchSizeMax: 2, lanes: 2 });
    onJudge(({ candidates }) => {
      let isHeld = false;
      const outcomes = candidates.map((candidate) => {
        isHeld ||= isBusy && candidate.legs[0]?.from === 'busy';
        if (isHeld) return BUSY;
        applied.push(nameOf(candidate));
        return posted(candidate);
      });
      return { outcomes, busyAccounts: isHeld ? ['busy' as AccountId] : [], unconfirmed: new Set() };
    });
    const answers = Promise.all(
      [ordered('a', 'busy'), ...['b', 'c', 'd', 'e'].map((name) => ordered(name))].map(submit),
    );
    await finish();
    expect(applied).toEqual([]);
    isBusy = false;
    await finishUntil(finish, answers);
    expect(applied).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
