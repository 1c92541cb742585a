import type { Attempt } from './post-webhook.js';
import type { ClaimedDelivery } from './queue/delivery-queue.js';

/** What came of a delivery of a turn. */
export interface Sent {
  readonly delivery: ClaimedDelivery;
  readonly attempt: Attempt;
}

export interface TurnSent {
  readonly sent: readonly Sent[];
  /** Whether something was due and could have been begun, if the turn had not been over. */
  readonly wasCut: boolean;
}

export interface SendTurnOptions {
  readonly atOnceMax: number;
  /** False once nothing more may be begun in this turn. */
  readonly mayBegin: () => boolean;
  readonly send: (delivery: ClaimedDelivery) => Promise<Attempt>;
}

/**
 * Sends the deliveries of a turn, a few at once, and those of one account one after the other. Once one has failed or is not due, the
 * later ones of its accounts are left.
 *
 * @param deliveries in the order of the log: of those that share an account, none is missing before another
 */
export async function sendTurn(
  deliveries: readonly ClaimedDelivery[],
  { atOnceMax, mayBegin, send }: SendTurnOptions,
): Promise<TurnSent> {
  const sent: Sent[] = [];
  let wasCut = false;
  /** Resolves to whether the last delivery of an account so far was taken. */
  const lastOf = new Map<string, Promise<boolean>>();
  const waiting: (() => void)[] = [];
  let underWay = 0;

  async function take(delivery: ClaimedDelivery, earlier: readonly (Promise<boolean> | undefined)[]): Promise<boolean> {
    if ((await Promise.all(earlier)).includes(false) || !delivery.isDue) return false;
    if (underWay >= atOnceMax) await new Promise<void>((resolve) => waiting.push(resolve));
    underWay += 1;
    try {
      if (!mayBegin()) {
        wasCut = true;
        return false;
      }
      const attempt = await send(delivery);
      sent.push({ delivery, attempt });
      return attempt.error === null;
    } finally {
      underWay -= 1;
      waiting.shift()?.();
    }
  }

  await Promise.all(
    deliveries.map((delivery) => {
      const taken = take(
        delivery,
        delivery.accounts.map((account) => lastOf.get(account)),
      );
      for (const account of delivery.accounts) lastOf.set(account, taken);
      return taken;
    }),
  );
  return { sent, wasCut };
}
