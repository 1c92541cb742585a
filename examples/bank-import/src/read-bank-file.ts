import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { type BankLine, COLUMNS, type Fields, parseBankLine } from './bank-line.js';
import { ImportError, type LineProblem } from './import-error.js';
import { wholeUtf8Lines } from './whole-utf8-lines.js';

const PROBLEMS_NAMED_MAX = 20;

/**
 * Reads and checks a whole file, so that one that is broken anywhere is refused before anything of it is posted.
 *
 * @throws {ImportError} that names the first broken lines, each with its code.
 */
export async function readBankFile(path: string): Promise<readonly BankLine[]> {
  const reader = createLineReader();
  try {
    await pipeline(createReadStream(path), wholeUtf8Lines(), csvReader(reader.read));
  } catch (error) {
    const problem = asLineProblem(error, reader.lastLine());
    if (problem === undefined) throw explainUnreadable(error, path);
    reader.refuse(problem);
  }
  return reader.finish(path);
}

function csvReader(read: (record: readonly string[], line: number) => void) {
  const parser = parse({
    bom: true,
    trim: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    // Its own answer to a wrong number of fields ends the reading; ours names the line and goes on to the next.
    relax_column_count: true,
    // Called as soon as a record is whole: those that wait in the stream are lost when a later one is broken.
    on_record: (record: readonly string[], { lines }) => {
      read(record, lines);
      return null;
    },
  });
  // Nothing comes out of it, but a stream ends only when somebody reads it.
  return parser.resume();
}

function createLineReader() {
  const lines: BankLine[] = [];
  const problems: LineProblem[] = [];
  const lineOfTransId = new Map<string, number>();
  let header: readonly string[] | undefined;
  let lastLine = 0;

  const refuse = (problem: LineProblem): void => {
    problems.push(problem);
  };

  const readHeader = (record: readonly string[], line: number) => {
    header = record;
    const missing = COLUMNS.filter((column) => !record.includes(column));
    if (missing.length > 0) {
      refuse({
        line,
        code: 'missing_column',
        message: `the first line must name the columns, and ${missing.join(', ')} is missing`,
      });
    }
  };

  const readLine = (names: readonly string[], record: readonly string[], line: number) => {
    if (record.length !== names.length) {
      const message = `the header names ${names.length} columns, and this line has ${record.length} fields`;
      return refuse({ line, code: 'wrong_field_count', message });
    }
    const fields = Object.fromEntries(names.map((name, index) => [name, record[index]])) as Fields;
    const parsed = parseBankLine(fields, line);
    if ('code' in parsed) return refuse(parsed);
    const first = lineOfTransId.get(parsed.transId);
    if (first !== undefined) {
      const message = `trans_id ${parsed.transId} stands on line ${first} already, and it must be unique`;
      return refuse({ line, code: 'duplicate_trans_id', message });
    }
    lineOfTransId.set(parsed.transId, line);
    lines.push(parsed);
  };

  return {
    refuse,
    lastLine: () => lastLine,
    read(record: readonly string[], line: number) {
      lastLine = line;
      if (header === undefined) readHeader(record, line);
      // Without its columns no line of the file can be read.
      else if (problems[0]?.code !== 'missing_column') readLine(header, record, line);
    },
    finish(path: string): readonly BankLine[] {
      const [first] = problems;
      if (first !== undefined) throw brokenFile(path, first, problems);
      if (lines.length === 0) {
        throw new ImportError('file_empty', `${path} holds no transaction: is this the right file?`);
      }
      return lines;
    },
  };
}

function asLineProblem(error: unknown, lastLine: number): LineProblem | undefined {
  if (error instanceof ImportError && error.line !== undefined) {
    return { line: error.line, code: error.code as LineProblem['code'], message: error.message };
  }
  if (!(error instanceof CsvError)) return undefined;
  // A quote that is never closed is noticed at the end of the file; it opened after the last line that was whole.
  const message = 'this line is not CSV: a quote is not closed, or there is text next to a quoted field';
  return { line: lastLine + 1, code: 'not_csv', message };
}

function brokenFile(path: string, first: LineProblem, problems: readonly LineProblem[]): ImportError {
  const named = problems.slice(0, PROBLEMS_NAMED_MAX);
  const count = problems.length === 1 ? 'a broken line' : `${problems.length} broken lines`;
  const text = [
    `${path} has ${count}; nothing of it was posted.`,
    ...named.map(({ line, code, message }) => `  line ${line}: ${code}: ${message}`),
    ...(problems.length > named.length ? [`  … and ${problems.length - named.length} more`] : []),
    'Correct the file and run the same command again.',
  ].join('\n');
  return new ImportError(first.code, text, { line: first.line });
}

function explainUnreadable(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    return new ImportError('file_not_found', `${path} does not exist: name a file of bank transactions`, {
      cause: error,
    });
  }
  if (code === 'EISDIR') {
    return new ImportError('not_a_file', `${path} is a directory: name a file in it`, { cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new ImportError('file_unreadable', `${path} may not be read by this user`, { cause: error });
  }
  return error;
}
