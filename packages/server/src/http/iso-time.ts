let lastMs = Number.NaN;
let lastText = '';

/**
 * RFC 3339 in UTC, as JSON carries an instant. Transfers that are posted together are recorded at the same millisecond,
 * and writing an instant out costs as much as the rest of their JSON: the last one is remembered.
 */
export function isoTime(instant: Date): string {
  const ms = instant.getTime();
  if (ms !== lastMs) {
    lastText = instant.toISOString();
    lastMs = ms;
  }
  return lastText;
}
