/** Every reason for which an import stops. */
export type ImportErrorCode =
  | 'usage'
  | 'database_missing'
  | 'file_not_found'
  | 'not_a_file'
  | 'file_unreadable'
  | 'file_empty'
  | 'line_refused'
  | 'ledger_disagrees';

/** The fault in one line of a file. */
export type LineProblemCode =
  | 'not_utf8'
  | 'not_csv'
  | 'missing_column'
  | 'wrong_field_count'
  | 'invalid_trans_id'
  | 'duplicate_trans_id'
  | 'invalid_account_id'
  | 'invalid_date'
  | 'unknown_type'
  | 'unknown_operation'
  | 'invalid_amount'
  | 'invalid_balance'
  | 'invalid_bank';

export interface LineProblem {
  /** From 1, the header's. */
  readonly line: number;
  readonly code: LineProblemCode;
  /** Names the fault and how to correct it. */
  readonly message: string;
}

/** An expected end of the import; `line` is the first one that is to blame, when one is. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  readonly code: ImportErrorCode | LineProblemCode;
  readonly line: number | undefined;

  constructor(code: ImportErrorCode | LineProblemCode, message: string, options?: { line?: number; cause?: unknown }) {
    super(message, { cause: options?.cause });
    this.code = code;
    this.line = options?.line;
  }
}
