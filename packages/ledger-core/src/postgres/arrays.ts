/** An array literal of values that hold no character to escape: UUIDs, numbers, codes. */
export function plainArray(values: readonly (string | number | bigint | null)[]): string {
  return `{${values.map((value) => value ?? 'null').join(',')}}`;
}

/** An array literal of any texts. Without a single text it is empty: `unnest` pads it with nulls. */
export function textArray(values: readonly (string | null)[]): string {
  if (values.every((value) => value === null)) return '{}';
  const elements = values.map((value) => (value === null ? 'null' : `"${value.replace(/["\\]/g, '\\$&')}"`));
  return `{${elements.join(',')}}`;
}
