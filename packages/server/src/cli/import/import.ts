import { stat } from 'node:fs/promises';
import type { Ledger } from '@micropay/ledger-core';
import { readDatabaseSettings } from '../../process/config.js';
import { CliError, EXIT, type ExitCode } from '../cli-error.js';
import type { Command, CommandContext } from '../command.js';
import { formatTable } from '../format-table.js';
import { withLedger } from '../open-ledger.js';
import { createProgressLine } from '../show-progress.js';
import { importFile, type Tally } from './import-file.js';
import { createReport } from './report.js';

export const importCommand: Command = {
  summary: 'import accounts and transfers from a CSV or JSON lines file; exits with 1 if lines were refused',
  parameters: 'FILE',
  help: [
    '--format csv|jsonl   format of the file; default: by its extension',
    '--file-id NAME       part of the keys of transfers without idempotency_key; use the same name for every run',
    '--report FILE        write each refused line as JSON: line, code, message',
    '--check              only check the file, and post nothing',
  ],
  words: { min: 1, max: 1 },
  options: {
    format: { type: 'string' },
    'file-id': { type: 'string' },
    report: { type: 'string' },
    check: { type: 'boolean' },
  },
  async run(context) {
    const { variables, words, options } = context;
    const settings = readDatabaseSettings(variables);
    const path = words[0] ?? '';
    const file = { path, format: formatOf(path, options.format), size: await sizeOf(path) };
    if (options.check) return runImport(context, file, undefined);
    return withLedger(settings, { mayBeNew: true }, async (ledger) => {
      // The other commands start sooner without what only this one needs.
      const { recordImport } = await import('./record-import.js');
      return recordImport(settings, path, () => runImport(context, file, ledger));
    });
  },
};

interface ImportedFile {
  readonly path: string;
  readonly format: 'csv' | 'jsonl';
  readonly size: number;
}

async function runImport(
  { options, output, signal }: CommandContext,
  file: ImportedFile,
  ledger: Ledger | undefined,
): Promise<ExitCode> {
  const reportPath = options.report as string | undefined;
  const report = createReport(reportPath);
  const progress = createProgressLine(output.progress);
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  try {
    const tally = await importFile({
      path: file.path,
      format: file.format,
      fileId: options['file-id'] as string | undefined,
      ledger,
      signal,
      onRefused: report.add,
      onProgress: (state) => progress.show(() => progressText(state, file.size, seconds())),
    });
    progress.end(progressText(tally, file.size, seconds()));
    const { bytes: _bytes, ...counts } = tally;
    output.value({ ...counts, seconds: seconds(), interrupted: signal.aborted, refusedLines: report.first });
    output.text(toText(tally, { posted: ledger !== undefined, reportPath }));
    for (const { line, code, message } of report.first) {
      output.progress.write(`line ${line}: ${code}: ${message}\n`);
    }
    if (tally.refused > report.first.length) {
      output.progress.write(`… and ${tally.refused - report.first.length} more${reportPath ? '' : ': see --report'}\n`);
    }
    if (signal.aborted) {
      output.progress.write('Stopped. Run the same command again to continue from there.\n');
      return EXIT.interrupted;
    }
    return tally.refused === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    report.close();
  }
}

function formatOf(path: string, given: string | boolean | undefined): 'csv' | 'jsonl' {
  const ending = path.split('.').at(-1)?.toLowerCase();
  const format = given ?? (ending === 'ndjson' ? 'jsonl' : ending);
  if (format === 'csv' || format === 'jsonl') return format;
  throw new CliError('usage', 'the file must end in .csv or .jsonl, or set --format to csv or jsonl');
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new CliError('file_unreadable', `${path} is a directory: name a file in it`);
    return found.size;
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('file_not_found', `${path} does not exist`, { cause });
  }
}

const BAR_WIDTH = 24;

function progressText({ lines, bytes, refused }: Tally, size: number, seconds: number): string {
  const share = size === 0 ? 1 : Math.min(1, bytes / size);
  const bar = '#'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '.');
  const rate = Math.round(lines / Math.max(seconds, 0.001)).toLocaleString('en');
  const bad = refused === 0 ? '' : `, ${refused.toLocaleString('en')} refused`;
  return `[${bar}] ${Math.floor(share * 100)} %  ${lines.toLocaleString('en')} lines, ${rate}/s${bad}`;
}

function toText(tally: Tally, { posted, reportPath }: { posted: boolean; reportPath: string | undefined }): string {
  const { lines, refused } = tally;
  if (!posted) return `${lines} lines read, ${refused} of them wrong; nothing was posted.`;
  const rows = [
    { lines: 'accounts', new: tally.accountsOpened, 'there already': tally.accountsKnown },
    { lines: 'transfers', new: tally.transfersPosted, 'there already': tally.transfersKnown },
  ].map((row) => ({ ...row, new: String(row.new), 'there already': String(row['there already']) }));
  const where = reportPath === undefined || refused === 0 ? '' : `, listed in ${reportPath}`;
  return `${formatTable(rows, ['new', 'there already'])}\n\n${lines} lines, ${refused} refused${where}.`;
}
