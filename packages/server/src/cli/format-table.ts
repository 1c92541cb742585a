/** Characters that would begin a line, move the cursor or turn the direction of what follows: with them, a text forges rows. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const HEX = 16;
const HEX_DIGITS = 4;

function visible(text: string): string {
  return text.replaceAll(CONTROL, (found) => `\\u${found.charCodeAt(0).toString(HEX).padStart(HEX_DIGITS, '0')}`);
}

/** Lays rows out in columns under their names; those named in `right` are numbers and stand flush right. Control characters are shown escaped. */
export function formatTable(given: readonly Readonly<Record<string, string>>[], right: readonly string[] = []): string {
  const rows = given.map((row) => Object.fromEntries(Object.entries(row).map(([name, text]) => [name, visible(text)])));
  const names = Object.keys(rows[0] ?? {});
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0)));
  const line = (cellOf: (name: string, width: number) => string) =>
    names
      .map((name, index) => {
        const width = widths[index] ?? 0;
        const cell = cellOf(name, width);
        return right.includes(name) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [
    line((name) => name),
    line((_, width) => '-'.repeat(width)),
    ...rows.map((row) => line((name) => row[name] ?? '')),
  ].join('\n');
}
