import { parseArgs } from 'node:util';
import { ImportError } from './import-error.js';

export const USAGE = `Usage: npm run example:bank-import -- FILE [--json] [--account ID] [--ledger NAME]

  FILE          bank transactions in the PKDD'99 format, see examples/bank-import/README.md
  --json        print the result as JSON on the last line
  --account ID  whose statement to print; the account with most transactions by default
  --ledger NAME the book to import into; bank-import by default`;

export interface ImportArguments {
  readonly file: string;
  readonly json: boolean;
  readonly account: string | undefined;
  readonly ledger: string;
}

/** @throws {ImportError} `usage` */
export function parseArguments(words: readonly string[]): ImportArguments | 'help' {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        account: { type: 'string' },
        ledger: { type: 'string', default: 'bank-import' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return 'help';
    const [file, ...others] = positionals;
    if (file === undefined || others.length > 0) throw new Error('exactly one FILE is needed');
    return { file, json: values.json, account: values.account, ledger: values.ledger };
  } catch (cause) {
    throw new ImportError('usage', `${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}
