import { type BankLine, balanceChange } from './bank-line.js';

/** The largest difference between a recorded balance and the sum of the previous one and the amount: 0.10. */
export const ROUNDING_MAX = 10n;

/** Lines of one account on one day for which an order is looked for, and tries that it may take. */
const DAY_LINES_MAX = 500;
const TRIES_MAX = 10_000;

/**
 * Puts the lines in the order in which they are posted: by day, within a day as in the file, but each account's lines
 * of one day among their places in the order that its recorded balances give. The result depends on the file alone, so
 * that an import that is taken up again posts in the same order.
 */
export function arrangeLines(lines: readonly BankLine[]): readonly BankLine[] {
  const arranged = lines.toSorted((a, b) => Number(a.date) - Number(b.date));
  const closing = new Map<string, bigint>();
  for (const places of placesByDayAndAccount(arranged)) {
    const day = places.map((place) => arranged[place]).filter((line) => line !== undefined);
    const ordered = orderDay(day, closing.get(day[0]?.accountId ?? '') ?? 0n);
    for (const [index, line] of ordered.entries()) {
      arranged[places[index] as number] = line;
      closing.set(line.accountId, line.recordedBalance);
    }
  }
  return arranged;
}

function placesByDayAndAccount(lines: readonly BankLine[]): Iterable<readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [place, { date, accountId }] of lines.entries()) {
    const key = `${date} ${accountId}`;
    const group = places.get(key);
    if (group === undefined) places.set(key, [place]);
    else group.push(place);
  }
  return places.values();
}

/**
 * Orders one account's lines of one day into a chain: each recorded balance is the one before it plus the amount. It
 * begins at the balance that the account had, else (a file that begins in the middle of an account's life) wherever
 * one of its lines does. Without such a chain the file's order stays, and the comparison will say that it differs.
 */
function orderDay(lines: readonly BankLine[], opening: bigint): readonly BankLine[] {
  if (lines.length === 1 || lines.length > DAY_LINES_MAX) return lines;
  const budget = { tries: TRIES_MAX };
  for (const start of [opening, ...lines.map((line) => line.recordedBalance - balanceChange(line))]) {
    const chain = findChain(lines, start, 0n, budget) ?? findChain(lines, start, ROUNDING_MAX, budget);
    if (chain !== undefined) return chain;
  }
  return lines;
}

/** A depth-first search that tries the nearest balance first and turns back where no line goes on. */
function findChain(
  lines: readonly BankLine[],
  balance: bigint,
  roundingMax: bigint,
  budget: { tries: number },
): readonly BankLine[] | undefined {
  if (lines.length === 0) return [];
  const candidates = lines
    .map((line) => ({ line, rounding: absolute(balance + balanceChange(line) - line.recordedBalance) }))
    .filter(({ rounding }) => rounding <= roundingMax)
    .sort((a, b) => Number(a.rounding - b.rounding));
  for (const { line } of candidates) {
    budget.tries -= 1;
    if (budget.tries < 0) return undefined;
    const others = lines.filter((other) => other !== line);
    const rest = findChain(others, line.recordedBalance, roundingMax, budget);
    if (rest !== undefined) return [line, ...rest];
  }
  return undefined;
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
