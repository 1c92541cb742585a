import { LedgerError } from '@micropay/ledger-core';

type Refusal = Error & { readonly code: string };

/** A refusal for the terminal: its code, its words, and what the system said where its words leave that to the cause. */
export function refusalText(refusal: Refusal): string {
  const { code, cause } = refusal;
  const message = refusalSentence(refusal);
  const said = wordsOf(cause);
  if (said === '' || !code.startsWith('database_')) return `${code}: ${message}`;
  const place =
    code === 'database_unavailable'
      ? 'See that PostgreSQL runs, and that DATABASE_URL names it.'
      : 'DATABASE_URL names the database.';
  return `${code}: ${message}\n${said}\n${place}`;
}

/** Its words. The ledger's own name a function to call where people at a terminal have a command. */
export function refusalSentence(refusal: Refusal): string {
  if (!(refusal instanceof LedgerError && refusal.code === 'schema_outdated')) return refusal.message;
  // It names a migration, and what has to be done before it.
  if (refusal.details.migration !== undefined) return refusal.message;
  return `schema "${refusal.details.schema}" lacks tables of this release: run "micropay migrate" first`;
}

/** The error of each address of a host with several addresses. */
function wordsOf(cause: unknown): string {
  const errors: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return errors.flatMap((error) => (error instanceof Error ? [error.message] : [])).join('\n');
}
