import { readFileSync } from 'node:fs';
import { type Ledger, LedgerError } from '@micropay/ledger-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { letExpire } from '../support/due.js';
import { expectSound, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const page = readFileSync(new URL('../../../../docs/reference/holds.md', import.meta.url), 'utf8');

/** The first table of the page: what stands below a heading is about something else. */
const [table = ''] = page.split('\n## ');
const rows = [...table.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (\d+) \| (\d+) \|$/gm)].map(
  ([, state = '', action = '', result = '', captured = '', remaining = '']) =>
    [state, action, result.replaceAll('`', ''), BigInt(captured), BigInt(remaining)] as const,
);

let ledger: Ledger;
let pairs = 0;

beforeAll(async () => {
  ledger = bed.ledger();
  await ledger.accounts.open({ address: 'world', currency: 'USD' });
});

interface Case {
  readonly payer: string;
  readonly payee: string;
  readonly hold: string;
}

async function placeHold(): Promise<Case> {
  pairs += 1;
  const payer = `payer:${pairs}`;
  const payee = `payee:${pairs}`;
  for (const address of [payer, payee]) await ledger.accounts.open({ address, currency: 'USD' });
  await ledger.transfers.post({ from: 'world', to: payer, amount: 130n, currency: 'USD' });
  const expiresAt = new Date(Date.now() + 3_600_000);
  const { id: hold } = await ledger.holds.place({ from: payer, to: payee, amount: 100n, currency: 'USD', expiresAt });
  return { payer, payee, hold };
}

const BRING_TO: Readonly<Record<string, (hold: string) => Promise<unknown>>> = {
  open: async () => undefined,
  'part captured': (hold) => ledger.holds.capture(hold, { amount: 40n }),
  due: (hold) => letExpire(bed, hold),
  captured: (hold) => ledger.holds.capture(hold),
  released: (hold) => ledger.holds.release(hold),
  async expired(hold) {
    await letExpire(bed, hold);
    await ledger.holds.expire();
  },
};

async function act({ payer, payee, hold }: Case, action: string): Promise<unknown> {
  if (/(?:payer|both) frozen/.test(action)) await ledger.accounts.freeze(payer);
  if (/(?:payee|both) frozen/.test(action)) await ledger.accounts.freeze(payee);
  const [, what, amount, final] = /^(capture|release|sweep)(?: (\d+|all))?( final)?/.exec(action) ?? [];
  if (what === 'release') return ledger.holds.release(hold);
  if (what === 'sweep') return ledger.holds.expire();
  if (what !== 'capture') throw new Error(`the table has an action that nobody knows: ${action}`);
  return ledger.holds.capture(hold, {
    ...(amount === 'all' ? {} : { amount: BigInt(amount ?? '') }),
    ...(final === undefined ? {} : { final: true }),
  });
}

describe('the table of the reference', () => {
  it('the table of the reference has a row for every state and every action', () => {
    expect(rows.length).toBe(34);
    for (const state of Object.keys(BRING_TO)) {
      const actions = rows.filter(([of]) => of === state).map(([, action]) => /^\w+/.exec(action)?.[0]);
      expect(new Set(actions)).toEqual(new Set(['capture', 'release', 'sweep']));
    }
  });

  it.each(rows)('%s, %s → %s', async (state, action, result, captured, remaining) => {
    const placed = await placeHold();
    const { hold, payer, payee } = placed;
    await BRING_TO[state]?.(hold);
    const before = await ledger.holds.get(hold);
    const answer = await act(placed, action).then(
      () => undefined,
      (error: unknown) => error,
    );
    const after = await ledger.holds.get(hold);
    if (answer === undefined) expect(after.state).toBe(result);
    else {
      expect(answer).toBeInstanceOf(LedgerError);
      expect((answer as LedgerError).code).toBe(result);
      expect(after).toEqual(before);
    }
    expect({ captured: after.captured, remaining: after.remaining }).toEqual({ captured, remaining });

    const from = await ledger.accounts.get(payer);
    const to = await ledger.accounts.get(payee);
    expect({ posted: from.posted, pendingOut: from.pendingOut }).toEqual({
      posted: 130n - captured,
      pendingOut: remaining,
    });
    expect({ posted: to.posted, pendingIn: to.pendingIn }).toEqual({ posted: captured, pendingIn: remaining });
    expect(from.available).toBe(130n - captured - remaining);
  });

  it('the table of the reference leaves sound books', () => expectSound(ledger));
});
