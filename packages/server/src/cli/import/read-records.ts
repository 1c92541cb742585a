import { LedgerError, parseJson } from '@micropay/ledger-core';
import { CsvError, parse } from 'csv-parse';
import { CliError } from '../cli-error.js';
import { COLUMNS, type FileRecord } from './import-line.js';
import type { RefusedLine } from './refused-line.js';
import { LINE_BYTES_MAX, wholeLines } from './whole-lines.js';

/** The records of one block of the file. */
export interface RecordBlock {
  readonly records: readonly (FileRecord | RefusedLine)[];
  readonly bytes: number;
}

/** Reads JSON lines: one object a line, empty lines passed over. */
export async function* readJsonLines(path: string): AsyncGenerator<RecordBlock> {
  for await (const { bytes, firstLine } of wholeLines(path)) {
    const texts = bytes.toString('utf8').split('\n');
    const records = texts.flatMap((text, index) => (text.trim() === '' ? [] : [toRecord(text, firstLine + index)]));
    yield { records, bytes: bytes.length };
  }
}

function toRecord(text: string, line: number): FileRecord | RefusedLine {
  try {
    const fields = parseJson(text);
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) {
      return { line, fields: fields as Record<string, unknown> };
    }
  } catch (error) {
    if (error instanceof LedgerError && error.details.field !== undefined) {
      return { line, code: 'invalid_field', message: error.message };
    }
  }
  return { line, code: 'not_json', message: 'this line is not a JSON object' };
}

/**
 * Reads CSV with a header that names the columns. A wrong number of fields is that line's own fault; where a quote is not
 * closed nobody can say where the next line begins, so reading ends there: a record is as long as a line may be.
 *
 * @throws {CliError} `not_csv`, `unknown_column`, `repeated_column`
 */
export async function* readCsv(path: string): AsyncGenerator<RecordBlock> {
  let records: (FileRecord | RefusedLine)[] = [];
  let names: readonly string[] | undefined;
  let lastLine = 0;
  let linesTwice = 0;
  const parser = parse({
    bom: true,
    trim: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    max_record_size: LINE_BYTES_MAX,
    on_record(cells: readonly string[], { lines }) {
      // The parser counts a line end of two characters twice where it stands in quotes.
      linesTwice += cells.reduce((sum, cell) => sum + cell.split('\r\n').length - 1, 0);
      lastLine = lines - linesTwice;
      if (names === undefined) names = checkHeader(cells);
      else records.push(toFields(names, cells, lastLine));
      return null;
    },
  });
  // Nothing comes out of it, but a stream ends only when somebody reads it. Its errors are those of its writes.
  parser.resume().on('error', () => undefined);
  const take = (step: (done: (error?: Error | null) => void) => void) =>
    new Promise<void>((resolve, reject) => step((error) => (error ? reject(error) : resolve()))).catch(
      (error: unknown) => {
        throw error instanceof CsvError ? notCsv(error, lastLine + 1) : error;
      },
    );

  for await (const { bytes } of wholeLines(path)) {
    await take((done) => parser.write(bytes, done));
    yield { records, bytes: bytes.length };
    records = [];
  }
  await take((done) => {
    parser.once('error', done).end(done);
  });
  yield { records, bytes: 0 };
}

function checkHeader(cells: readonly string[]): readonly string[] {
  const unknown = cells.find((name) => !COLUMNS.includes(name));
  if (unknown !== undefined) {
    throw new CliError(
      'unknown_column',
      `the first line has the unknown column "${unknown}": the columns are ${COLUMNS.join(', ')}`,
    );
  }
  const repeated = cells.find((name, index) => cells.indexOf(name) < index);
  if (repeated !== undefined) {
    throw new CliError('repeated_column', `the first line has the column "${repeated}" twice: remove one`);
  }
  return cells;
}

function toFields(names: readonly string[], cells: readonly string[], line: number): FileRecord | RefusedLine {
  if (cells.length !== names.length) {
    const message = `the header names ${names.length} columns, and this line has ${cells.length} fields`;
    return { line, code: 'wrong_field_count', message };
  }
  const fields: Record<string, string> = {};
  // An empty cell says nothing.
  names.forEach((name, index) => {
    const cell = cells[index];
    if (cell !== undefined && cell !== '') fields[name] = cell;
  });
  return { line, fields };
}

function notCsv(cause: CsvError, line: number): CliError {
  return new CliError(
    'not_csv',
    `line ${line} is not CSV: a quote is not closed, or there is text next to a quoted field. The lines before it are imported: correct this line and run the command again`,
    { cause },
  );
}
