/** Counts characters, as PostgreSQL and JSON Schema do: one beyond U+FFFF is one, though it is two of JavaScript's units. */
export function isLongerThan(text: string, charactersMax: number): boolean {
  if (text.length <= charactersMax) return false;
  return text.length > 2 * charactersMax || Array.from(text).length > charactersMax;
}
