/** Lays rows out in columns; those whose name is in `right` are numbers and stand flush right. */
export function formatTable(rows: readonly Readonly<Record<string, string>>[], right: readonly string[] = []): string {
  const names = Object.keys(rows[0] ?? {});
  const widths = new Map(
    names.map((name) => [name, Math.max(name.length, ...rows.map((row) => row[name]?.length ?? 0))]),
  );
  const line = (cell: (name: string) => string) =>
    names
      .map((name) => {
        const width = widths.get(name) ?? 0;
        return right.includes(name) ? cell(name).padStart(width) : cell(name).padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [
    line((name) => name),
    line((name) => '-'.repeat(widths.get(name) ?? 0)),
    ...rows.map((row) => line((name) => row[name] ?? '')),
  ].join('\n');
}
