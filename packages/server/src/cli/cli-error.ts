/** The exit codes of a command; documented in docs/reference/cli.md. */
export const EXIT = {
  ok: 0,
  /** Something is wrong with the data, or the command could not finish. */
  failed: 1,
  /** The command was called or configured wrongly: nothing was done. */
  misuse: 2,
  /** Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export type CliErrorCode =
  | 'usage'
  | 'ledger_not_found'
  | 'file_not_found'
  | 'file_unreadable'
  | 'file_unwritable'
  | 'not_utf8'
  | 'line_too_long'
  | 'not_csv'
  | 'unknown_column'
  | 'repeated_column'
  | 'import_stopped'
  | 'user_not_found'
  | 'signing_key_not_found'
  | 'signing_key_exists'
  | 'signing_key_in_use'
  | 'api_key_not_found'
  | 'api_key_exists'
  | 'expiry_in_past';

const MISUSE: ReadonlySet<CliErrorCode> = new Set<CliErrorCode>([
  'usage',
  'ledger_not_found',
  'file_not_found',
  'file_unreadable',
  'file_unwritable',
]);

/** An error that ends a command; its message says what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  readonly exitCode: ExitCode;

  constructor(code: CliErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.exitCode = MISUSE.has(code) ? EXIT.misuse : EXIT.failed;
  }
}
