import type { Ledger, VerifyProgress, VerifyReport } from '@micropay/ledger-core';
import { readDatabaseSettings } from '../process/config.js';
import { EXIT } from './cli-error.js';
import type { Command } from './command.js';
import { formatTable } from './format-table.js';
import { withLedger } from './open-ledger.js';
import { createProgressLine } from './show-progress.js';

export const verifyCommand: Command = {
  summary: 'recompute every balance from the journal; exits with 1 if there is a problem',
  parameters: '',
  help: ['--full-speed    do not pause between snapshots: twice as fast, but slows other work on the database'],
  words: { min: 0, max: 0 },
  options: { 'full-speed': { type: 'boolean' } },
  run: ({ variables, output, signal, options }) =>
    withLedger(readDatabaseSettings(variables), { mayBeNew: false }, async (ledger) => {
      const progress = createProgressLine(output.progress);
      let last = 'Nothing to check yet';
      const report = await ledger.verify({
        pace: options['full-speed'] ? 'full' : 'gentle',
        signal,
        onProgress(state) {
          last = inWords(state);
          progress.show(() => last);
        },
      });
      progress.end(last);
      output.value({ ledger: ledger.name, ...report });
      output.text(await toText(ledger, report));
      return report.ok ? EXIT.ok : EXIT.failed;
    }),
};

function inWords({ accountsChecked, entriesChecked, transfersChecked, problemsFound }: VerifyProgress): string {
  const count = (value: number) => value.toLocaleString('en');
  const found = problemsFound === 0 ? '' : `, ${count(problemsFound)} problems`;
  return `Checked ${count(accountsChecked)} accounts, ${count(entriesChecked)} entries, ${count(transfersChecked)} transfers${found}`;
}

async function toText(ledger: Ledger, report: VerifyReport): Promise<string> {
  const { ok, accounts, transfers, problems, problemsFound } = report;
  const checked = `${accounts} accounts and ${transfers} transfers of ledger "${ledger.name}"`;
  if (ok) return `${checked}: nothing is wrong.`;
  const ids = problems.map(({ accountId }) => accountId).filter((id) => id !== null);
  const identities = await ledger.accounts.identifyMany(ids);
  const rows = problems.map(({ kind, accountId, transferId, expected, found }) => ({
    problem: kind,
    account: (accountId !== null && identities.get(accountId)?.address) || (accountId ?? ''),
    transfer: transferId ?? '',
    expected,
    found,
  }));
  const more = problemsFound > problems.length ? `\n… and ${problemsFound - problems.length} more` : '';
  return `${formatTable(rows)}${more}\n\n${checked}: ${problemsFound} problems.`;
}
