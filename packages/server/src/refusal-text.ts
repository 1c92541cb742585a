/** A refusal for the terminal: its code, its words, and what the system said where its words leave that to the cause. */
export function refusalText({ code, message, cause }: Error & { readonly code: string }): string {
  const said = wordsOf(cause);
  if (code !== 'database_unavailable' || said === '') return `${code}: ${message}`;
  return `${code}: ${message}\n${said}\nSee that PostgreSQL runs, and that DATABASE_URL names it.`;
}

/** Of a host with several addresses, what each of them answered. */
function wordsOf(cause: unknown): string {
  const errors: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return errors.flatMap((error) => (error instanceof Error ? [error.message] : [])).join('\n');
}
