import { closest, distance } from 'fastest-levenshtein';

/** The name that was meant, if one is near: `slack` says how many letters may be wrong in it. */
export function nearestName(
  word: string,
  names: readonly string[],
  slack: (name: string) => number,
): string | undefined {
  if (names.length === 0) return undefined;
  const name = closest(word, names);
  return distance(word, name) <= slack(name) ? name : undefined;
}

/** For refusals of a word that is not known; empty when nothing is near. */
export function didYouMean(word: string, names: readonly string[]): string {
  const name = nearestName(word, names, ({ length }) => Math.max(2, length / 3));
  return name === undefined ? '' : `: did you mean ${name}?`;
}
