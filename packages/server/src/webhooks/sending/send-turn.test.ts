import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ClaimedDelivery } from './queue/delivery-queue.js';
import { sendTurn } from './send-turn.js';

const ALWAYS = () => true;

function delivery(messageId: string, accounts: readonly string[] = [], isDue = true): ClaimedDelivery {
  return { messageId, accounts, isDue, position: '1', place: 0, attempts: 0, body: '{}', traceparent: null };
}

/** Sends each in a few milliseconds, notes when, and fails those that are named. */
function sender(failing: readonly string[] = []) {
  const begun: string[] = [];
  let [underWay, mostAtOnce] = [0, 0];
  const send = async ({ messageId }: ClaimedDelivery) => {
    begun.push(messageId);
    underWay += 1;
    mostAtOnce = Math.max(mostAtOnce, underWay);
    await delay(5);
    underWay -= 1;
    const error = failing.includes(messageId) ? ('bad_status' as const) : null;
    return { status: 200, error, durationMs: 5, retryAfterS: undefined };
  };
  return { send, begun, mostAtOnce: () => mostAtOnce };
}

describe('the deliveries of a turn', () => {
  it('of one account are sent one after the other, and those of others beside them', async () => {
    const { send, begun, mostAtOnce } = sender();
    const given = [delivery('a1', ['a']), delivery('a2', ['a']), delivery('b1', ['b']), delivery('a3', ['a'])];
    await sendTurn(given, { atOnceMax: 8, mayBegin: ALWAYS, send });
    expect(begun.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(begun.indexOf('b1')).toBeLessThan(begun.indexOf('a2'));
    expect(mostAtOnce()).toBe(2);
  });

  it('wait for those of both of their accounts', async () => {
    const { send, begun } = sender();
    const given = [delivery('a1', ['a']), delivery('b1', ['b']), delivery('ab', ['a', 'b']), delivery('b2', ['b'])];
    await sendTurn(given, { atOnceMax: 8, mayBegin: ALWAYS, send });
    expect(begun).toEqual(['a1', 'b1', 'ab', 'b2']);
  });

  it('are left once one of their accounts has failed or is not due, and so are those behind them', async () => {
    const { send, begun } = sender(['a1']);
    const given = [
      delivery('a1', ['a']),
      delivery('ab', ['a', 'b']),
      delivery('b1', ['b']),
      delivery('c1', ['c'], false),
      delivery('c2', ['c']),
      delivery('d1', ['d']),
    ];
    const { sent, wasCut } = await sendTurn(given, { atOnceMax: 8, mayBegin: ALWAYS, send });
    expect(begun).toEqual(['a1', 'd1']);
    expect(wasCut).toBe(false);
    expect(sent.map(({ attempt }) => attempt.error)).toEqual(['bad_status', null]);
  });

  it('are no more at once than they may be, and none is begun when the turn is over', async () => {
    const { send, begun, mostAtOnce } = sender();
    const given = Array.from({ length: 20 }, (_, index) => delivery(String(index)));
    const { sent, wasCut } = await sendTurn(given, { atOnceMax: 3, mayBegin: () => begun.length < 10, send });
    expect([sent.length, mostAtOnce(), wasCut]).toEqual([10, 3, true]);
  });
});
