import { setTimeout as delay } from 'node:timers/promises';

/** Something that can be killed and comes back. */
export interface Victim {
  readonly name: string;
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
  /** Resolves when it serves again. */
  untilBack(): Promise<void>;
}

/** The kills of one process, and the time it took to come back after each. */
export interface Record {
  readonly name: string;
  kills: number;
  readonly backAfterMs: number[];
}

/** Long for a machine that does much else, and short of a run that would wait for ever. */
const BACK_TIMEOUT_MS = 180_000;
const PAUSE_MIN_MS = 500;
const PAUSE_RANGE_MS = 3_000;

/**
 * Kills one victim after the other, in another order each round, until the time is over. It does not wait for one to
 * be back before it kills the next; one that is not back itself is left out of the round. At the end it waits for all.
 */
export async function killInTurn(
  victims: readonly Victim[],
  { untilMs, random }: { readonly untilMs: number; readonly random: (bound: number) => number },
): Promise<readonly Record[]> {
  const records = new Map(
    victims.map((victim) => [victim, { name: victim.name, kills: 0, backAfterMs: [] as number[] }]),
  );
  const away = new Map<Victim, Promise<void>>();
  let failure: unknown;
  while (Date.now() < untilMs) {
    for (const [victim, record] of shuffled([...records], random)) {
      await delay(PAUSE_MIN_MS + random(PAUSE_RANGE_MS));
      if (failure !== undefined) throw failure;
      if (Date.now() >= untilMs || away.has(victim)) continue;
      const back = killOne(victim, record)
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => away.delete(victim));
      away.set(victim, back);
    }
  }
  await Promise.all(away.values());
  if (failure !== undefined) throw failure;
  return [...records.values()];
}

async function killOne(victim: Victim, record: Record): Promise<void> {
  record.kills += 1;
  const killedAt = Date.now();
  await victim.kill();
  const tooLate = delay(BACK_TIMEOUT_MS, true, { ref: false });
  if (await Promise.race([tooLate, victim.untilBack()])) {
    throw new Error(`${victim.name} was not back within ${BACK_TIMEOUT_MS / 1_000} s`);
  }
  record.backAfterMs.push(Date.now() - killedAt);
  console.log(`${victim.name} was killed and is back after ${((Date.now() - killedAt) / 1_000).toFixed(1)} s`);
}

function shuffled<Item>(items: readonly Item[], random: (bound: number) => number): readonly Item[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random(last + 1);
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
  return order;
}

export function toTable(records: readonly Record[]): string {
  const lines = records.map(({ name, kills, backAfterMs }) => {
    const sorted = backAfterMs.toSorted((a, b) => a - b);
    const seconds = (ms = 0) => (ms / 1_000).toFixed(1).padStart(12);
    return `${name.padEnd(12)}${String(kills).padStart(6)}${seconds(sorted[sorted.length >> 1])}${seconds(sorted.at(-1))}`;
  });
  return [
    `${'killed'.padEnd(12)}${'times'.padStart(6)}${'back after s'.padStart(12)}${'at most s'.padStart(12)}`,
    ...lines,
  ].join('\n');
}
