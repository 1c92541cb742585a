import type { LedgerErrorCode } from '@micropay/ledger-core';

/** Codes of malformed lines; the ledger's refusals have their own codes. */
export type LineCode =
  | 'not_json'
  | 'wrong_field_count'
  | 'unknown_kind'
  | 'unexpected_field'
  | 'missing_field'
  | 'invalid_field'
  | 'missing_key';

/** A line that was not taken; nothing of it is in the ledger. */
export interface RefusedLine {
  /** From 1; where a record of CSV takes several lines, its last. */
  readonly line: number;
  readonly code: LineCode | LedgerErrorCode;
  readonly message: string;
}

/** The end of reading one line, inside the code that reads it. */
export class LineError extends Error {
  override readonly name = 'LineError';
  readonly code: LineCode;

  constructor(code: LineCode, message: string) {
    super(message);
    this.code = code;
  }
}
