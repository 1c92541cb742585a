/** Lays rows out in columns under their names; those named in `right` are numbers and stand flush right. */
export function formatTable(rows: readonly Readonly<Record<string, string>>[], right: readonly string[] = []): string {
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
