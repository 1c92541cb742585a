import type { Ledger, VerifyProblem } from '@micropay/ledger-core';
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let engine: Ledger;
let ledger: Ledger;
let intruder: pg.Client;
let books = 0;
/** Ids of accounts by address, and of transfers by their number. */
let ids: Record<string, string>;

beforeAll(async () => {
  engine = bed.ledger();
  // Triggers do not fire for a replica: this is how somebody with all rights would do damage.
  intruder = await bed.connect();
  await intruder.query('set session_replication_role = replica; set search_path = micropay');
});

/** world → alice 100, alice → bob 60, bob → alice 10, alice → bob 5: alice ends with 45, bob with 55. */
beforeEach(async () => {
  books += 1;
  ledger = engine.inLedger(`book-${books}`);
  await openWallets(ledger, { alice: 0n, bob: 0n });
  ids = {};
  for (const address of ['world', 'alice', 'bob']) ids[address] = (await ledger.accounts.get(address)).id;
  const moves = [
    ['world', 'alice', 100n],
    ['alice', 'bob', 60n],
    ['bob', 'alice', 10n],
    ['alice', 'bob', 5n],
  ] as const;
  for (const [index, [from, to, amount]] of moves.entries()) {
    ids[`t${index + 1}`] = (await ledger.transfers.post({ from, to, amount, currency: 'USD' })).id;
  }
});

/** Runs SQL in which `:alice` or `:t2` stand for ids. */
async function damage(text: string): Promise<void> {
  const ledgerId = `(select id from ledgers where name = '${ledger.name}')`;
  const statement = text.replaceAll(/:(\w+)/g, (_, name: string) => (name === 'ledger' ? ledgerId : `'${ids[name]}'`));
  const { rowCount } = await intruder.query(statement);
  expect(rowCount).toBeGreaterThan(0);
}

/** A problem in words: kind, account and transfer by their names here, and what was expected and found. */
function inWords({ kind, accountId, transferId, expected, found }: VerifyProblem): string {
  const nameOf = (id: string | null) => Object.entries(ids).find(([, known]) => known === id)?.[0] ?? '-';
  return `${kind} ${nameOf(accountId)} ${nameOf(transferId)}: ${expected} / ${found}`;
}

async function problemsFound(): Promise<readonly string[]> {
  return (await ledger.verify()).problems.map(inWords);
}

describe('verify', () => {
  it('verify finds nothing wrong with an honest ledger, and counts it', async () => {
    expect(await ledger.verify({ accountsPerChunk: 1 })).toEqual({
      ok: true,
      accounts: 3,
      transfers: 4,
      problems: [],
      problemsFound: 0,
    });
  });

  it.each<[string, string, readonly string[]]>([
    [
      'a changed amount',
      'update transfers set amount = 61 where id = :t2',
      [
        'wrong_running_balance alice t2: 39 / 40',
        'wrong_running_balance bob t2: 61 / 60',
        'wrong_balance alice -: version 4, debits 66,',
        'wrong_balance bob -: version 3, debits 10, credits 66,',
      ],
    ],
    [
      'a missing row',
      'delete from transfers where id = :t2',
      [
        'version_gap alice t3: 2 / 3',
        'version_gap bob t3: 1 / 2',
        'wrong_running_balance alice t3: 110 / 50',
        'wrong_running_balance bob t3: -10 / 50',
        'wrong_balance alice -:',
        'wrong_balance bob -:',
      ],
    ],
    [
      'a missing last row',
      'delete from transfers where id = :t4',
      [
        'wrong_balance alice -: version 3, debits 60, credits 110,',
        'wrong_balance bob -: version 2, debits 10, credits 60,',
      ],
    ],
    [
      'a changed running balance',
      'update transfers set from_posted = 41 where id = :t2',
      ['wrong_running_balance alice t2: 40 / 41', 'wrong_running_balance alice t3: 51 / 50'],
    ],
    [
      'sides that changed places',
      'update transfers set from_account = to_account, to_account = from_account where id = :t4',
      [
        'version_gap bob t4: 3 / 4',
        'wrong_running_balance alice t4: 45 / 55',
        'wrong_balance alice -:',
        'wrong_balance bob -:',
      ],
    ],
    [
      'a kind that moves no money',
      `update transfers set kind = 'release' where id = :t2`,
      ['wrong_running_balance alice t2: 100 / 40', 'wrong_running_balance bob t2: 0 / 60'],
    ],
    [
      'a version that was skipped',
      'update transfers set from_version = 9 where id = :t4',
      ['version_gap alice t4: 4 / 9', 'wrong_balance alice -: version 9,'],
    ],
    [
      'a currency of another kind',
      `update transfers set currency = 'EUR' where id = :t2`,
      ['wrong_currency alice t2: USD / EUR', 'wrong_currency bob t2: USD / EUR'],
    ],
    [
      'a time that runs backwards',
      `update transfers set recorded_at = recorded_at - interval '1 day' where id = :t3`,
      ['time_runs_backwards alice t3:', 'time_runs_backwards bob t3:'],
    ],
    [
      'a wrong balance',
      'update balances set credits_posted = credits_posted + 1 where account_id = :alice and ledger = :ledger',
      [
        'wrong_balance alice -: version 4, debits 65, credits 110,',
        'unbalanced_totals - -: USD debits 175 / USD credits 176',
      ],
    ],
    [
      'a wrong version',
      'update balances set version = 5 where account_id = :alice and ledger = :ledger',
      ['wrong_balance alice -: version 4,'],
    ],
    [
      'a held amount that nobody holds',
      'update balances set debits_pending = 5 where account_id = :alice and ledger = :ledger',
      ['wrong_balance alice -:'],
    ],
    [
      'a balance on the wrong side',
      'update balances set debit_normal = false, minimum = null where account_id = :world and ledger = :ledger',
      ['wrong_balance world -:'],
    ],
    [
      'a balance of another currency',
      `update balances set currency = 'EUR' where account_id = :bob and ledger = :ledger`,
      ['wrong_balance bob -:'],
    ],
    [
      'a balance whose time was turned back',
      `update balances set recorded_at = recorded_at - interval '1 day' where account_id = :bob and ledger = :ledger`,
      ['time_runs_backwards bob -:'],
    ],
    [
      'an account without a balance',
      'delete from balances where account_id = :bob and ledger = :ledger',
      ['missing_balance bob -:', 'unbalanced_totals - -: USD debits 165 / USD credits 110'],
    ],
    [
      'a balance without an account',
      'delete from accounts where id = :bob and ledger = :ledger',
      ['unknown_account bob t2:', 'unknown_account bob t3:', 'unknown_account bob t4:', 'unknown_account bob -:'],
    ],
    [
      'a transfer to an account that does not exist',
      `update transfers set to_account = gen_random_uuid() where id = :t4`,
      ['unknown_account - t4:', 'wrong_balance bob -:'],
    ],
    [
      'a transfer that went to another ledger',
      `update transfers set ledger = (select id from ledgers where name = 'book-1') where id = :t2`,
      ['version_gap alice t3:', 'version_gap bob t3:'],
    ],
    [
      'an account that was made another type',
      `update accounts set type = 'asset' where id = :alice and ledger = :ledger`,
      ['wrong_running_balance alice t1:', 'wrong_balance alice -:'],
    ],
  ])('verify finds and names %s', async (_, text, expected) => {
    await damage(text);
    const found = await problemsFound();
    expect(found).toEqual(expect.arrayContaining(expected.map((problem) => expect.stringContaining(problem))));
  });

  it('verify finds and names an extra row', async () => {
    await damage(
      `insert into transfers (position, recorded_at, from_version, to_version, ledger, kind, id, from_account, to_account,
         currency, amount, from_posted, to_posted)
       select nextval('event_position'), recorded_at, from_version, to_version, ledger, kind, gen_random_uuid(), from_account,
         to_account, currency, amount, from_posted, to_posted from transfers where id = :t4`,
    );
    const [extra] = await bed.sql<{ id: string }>('select id from micropay.transfers order by position desc limit 1');
    const { problems } = await ledger.verify();
    const gaps = problems.filter(({ kind }) => kind === 'version_gap');
    expect(gaps.map(({ accountId, transferId }) => [accountId, transferId])).toEqual(
      expect.arrayContaining([
        [ids.alice, extra?.id],
        [ids.bob, extra?.id],
      ]),
    );
  });

  it('verify names nothing beside what is wrong', async () => {
    await damage(
      'update balances set credits_posted = credits_posted + 1 where account_id = :alice and ledger = :ledger',
    );
    const { ok, problemsFound: count, problems } = await ledger.verify();
    expect({ ok, count }).toEqual({ ok: false, count: 2 });
    expect(problems.map(({ kind }) => kind)).toEqual(['wrong_balance', 'unbalanced_totals']);
  });

  it('verify looks at every account, the one with the first of all ids too', async () => {
    const id = '00000000-0000-0000-0000-000000000000';
    await ledger.accounts.open({ address: 'first', currency: 'USD', id });
    ids.first = id;
    expect((await ledger.verify()).accounts).toBe(4);
    await damage('update balances set credits_posted = 1 where account_id = :first and ledger = :ledger');
    expect(await problemsFound()).toContainEqual(expect.stringContaining('wrong_balance first -:'));
  });

  it('verify finds each problem once, however the accounts are cut into chunks', async () => {
    await damage('update transfers set amount = 61 where id = :t2');
    const whole = (await ledger.verify()).problems.map(inWords).toSorted();
    const inChunks = (await ledger.verify({ accountsPerChunk: 1 })).problems.map(inWords).toSorted();
    expect(inChunks).toEqual(whole);
  });

  it.each([1, 2, 3])('verify finds the same in a history cut after every %s entries', async (entriesPerChunk) => {
    await damage('update transfers set amount = 61 where id = :t2');
    await damage('update transfers set from_version = 9 where id = :t4');
    await damage(
      'update balances set credits_posted = credits_posted + 1 where account_id = :bob and ledger = :ledger',
    );
    const whole = (await ledger.verify()).problems.map(inWords).toSorted();
    const cut = (await ledger.verify({ entriesPerChunk })).problems.map(inWords).toSorted();
    expect(whole.length).toBeGreaterThan(4);
    expect(cut).toEqual(whole);
  });

  it('verify reads on where a balance claims fewer entries than there are', async () => {
    const request = { from: 'world', to: 'bob', amount: 1n, currency: 'USD' };
    await ledger.transfers.postMany(Array.from({ length: 50 }, () => request));
    await damage('update balances set version = 3 where account_id = :bob and ledger = :ledger');
    expect(await problemsFound()).toEqual([expect.stringMatching(/^wrong_balance bob -: version 53, .* version 3, /)]);
  });

  it('verify finds and names an account whose opening is no event, unless retention may have deleted it', async () => {
    // Retention deletes the oldest events first. verify leaves a second in between, so that it does not mistake one for the other.
    await bed.sql('select pg_sleep(1.5)');
    ids.late = (await ledger.accounts.open({ address: 'late', currency: 'USD' })).id;
    await damage(`delete from events where type = 'account.opened.v1' and subject = :late`);
    expect(await problemsFound()).toEqual(['missing_event late -: an event account.opened / none']);
    await intruder.query('delete from events');
    await ledger.accounts.open({ address: 'later', currency: 'USD' });
    expect(await problemsFound()).toEqual([]);
  });

  it('verify counts all problems and names the first 1,000', async () => {
    const request = { from: 'world', to: 'bob', amount: 1n, currency: 'USD' };
    await ledger.transfers.postMany(Array.from({ length: 1_100 }, () => request));
    await damage('update transfers set amount = amount + 1 where ledger = :ledger');
    const { problems, problemsFound: count } = await ledger.verify();
    expect(problems).toHaveLength(1_000);
    expect(count).toBeGreaterThan(2_200);
  });

  it('verify says how far it has come', async () => {
    const seen: number[] = [];
    await ledger.verify({ accountsPerChunk: 2, onProgress: ({ accountsChecked }) => seen.push(accountsChecked) });
    expect(seen[0]).toBe(2);
    expect(seen.at(-1)).toBe(3);
  });

  it.each([0, -1, 1.5, 10_001])('verify takes no chunks of %s accounts', async (accountsPerChunk) => {
    await expect(ledger.verify({ accountsPerChunk })).rejects.toEqual(refusal('invalid_request'));
  });

  it.each([0, 1.5, 100_001])('verify takes no chunks of %s entries', async (entriesPerChunk) => {
    await expect(ledger.verify({ entriesPerChunk })).rejects.toEqual(refusal('invalid_request'));
  });

  it('verify ends between two snapshots when its signal aborts', async () => {
    const stop = new AbortController();
    const chunks: number[] = [];
    const onProgress = () => {
      chunks.push(1);
      stop.abort(new Error('enough'));
    };
    await expect(ledger.verify({ accountsPerChunk: 1, signal: stop.signal, onProgress })).rejects.toThrow('enough');
    expect(chunks).toHaveLength(1);
  });

  it('verify finds nothing wrong while traffic goes on', async () => {
    let isRunning = true;
    const traffic = Promise.all(
      ['alice', 'bob'].map(async (to) => {
        while (isRunning) await ledger.transfers.post({ from: 'world', to, amount: 1n, currency: 'USD' });
      }),
    );
    const reports = [];
    for (let count = 0; count < 10; count += 1) reports.push(await ledger.verify({ accountsPerChunk: 1 }));
    isRunning = false;
    await traffic;
    expect(reports.flatMap(({ problems }) => problems)).toEqual([]);
  });
});

describe('trialBalance', () => {
  it('trialBalance sums each currency and type, and the totals of each currency are equal', async () => {
    expect(await ledger.trialBalance()).toEqual({
      lines: [
        { currency: 'USD', type: 'asset', accounts: 1, debits: 100n, credits: 0n },
        { currency: 'USD', type: 'liability', accounts: 2, debits: 75n, credits: 175n },
      ],
      totals: [{ currency: 'USD', debits: 175n, credits: 175n }],
      balanced: true,
    });
  });

  it('trialBalance says so when they are not', async () => {
    await damage('update balances set debits_posted = debits_posted + 1 where account_id = :bob and ledger = :ledger');
    expect((await ledger.trialBalance()).balanced).toBe(false);
  });
});
