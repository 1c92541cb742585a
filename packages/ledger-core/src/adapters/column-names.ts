type Row = Readonly<Record<string, unknown>>;

/**
 * Gives rows the names back that PostgreSQL gave their columns: postgres.js can be told to turn them into
 * camelCase, PascalCase or kebab-case. The ledger's own are snake_case.
 */
export function restoreColumnNames(rows: readonly Row[]): readonly Row[] {
  const [first] = rows;
  if (first === undefined || Object.keys(first).every((name) => name === toSnakeCase(name))) return rows;
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [toSnakeCase(name), value])));
}

function toSnakeCase(name: string): string {
  return name
    .replaceAll('-', '_')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/^_/, '');
}
