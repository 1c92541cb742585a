/** A refusal for the terminal: its code, its words, and what the system said where its words leave that to the cause. */
export function refusalText({ code, message, cause }: Error & { readonly code: string }): string {
  const said = wordsOf(cause);
  if (said === '' || !code.startsWith('database_')) return `${code}: ${message}`;
  const place =
    code === 'database_unavailable'
      ? 'See that PostgreSQL runs, and that DATABASE_URL names it.'
      : 'DATABASE_URL names the database.';
  return `${code}: ${message}\n${said}\n${place}`;
}

/** Of a host with several addresses, what each of them answered. */
function wordsOf(cause: unknown): string {
  const errors: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return errors.flatMap((error) => (error instanceof Error ? [error.message] : [])).join('\n');
}
