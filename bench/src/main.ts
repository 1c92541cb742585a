import { type BenchArguments, parseArguments, USAGE, UsageError } from './arguments.js';
import { type Book, openBook } from './book.js';
import { postWithEngine } from './engine.js';
import { type HttpTarget, startHttpTarget } from './http-load.js';
import { startCallers } from './load.js';
import { postNaively } from './naive.js';
import { profiled } from './profile.js';
import { measureRelay } from './relay/measure-relay.js';
import { whyNoBrokers } from './relay/place.js';
import { toRelayJson, toRelayTable } from './relay/report.js';
import { type Result, TABLE_HEAD, toJson, toRemarks, toResult, toTableLine } from './report.js';
import { chooseRows, type Row } from './rows.js';
import { medianSample, type Sample, takeSample } from './sample.js';

async function main(): Promise<void> {
  const chosen = parseArguments(process.argv.slice(2));
  if (chosen === 'help') {
    console.log(USAGE);
    return;
  }
  const database = process.env.DATABASE_URL;
  if (database === undefined || database === '') throw new Error('set DATABASE_URL, or start this with npm run bench');
  const postgresPid = process.env.POSTGRES_PID === undefined ? undefined : Number(process.env.POSTGRES_PID);

  const rows = chooseRows(chosen);
  if (rows.length > 0) await measurePosting(rows, { database, postgresPid, chosen });
  if (chosen.only.includes('relay')) await reportRelay(database, chosen);
}

interface Posting {
  readonly database: string;
  readonly postgresPid: number | undefined;
  readonly chosen: BenchArguments;
}

async function measurePosting(rows: readonly Row[], { database, postgresPid, chosen }: Posting): Promise<void> {
  const book = await openBook(database, postgresPid);
  const target = rows.some(({ name }) => name !== 'engine')
    ? await startHttpTarget(database, chosen.profile)
    : undefined;
  try {
    if (!chosen.json) console.log(`${book.settings}\n\n${TABLE_HEAD}`);
    const results: Result[] = [];
    for (const row of rows) {
      const result = await measureRow(row, { book, target, chosen });
      results.push(result);
      console.log(chosen.json ? toJson(result) : toTableLine(result));
    }
    if (!chosen.json) console.log(['', ...toRemarks(results)].join('\n'));
    await requireCleanBooks(book, target);
  } finally {
    await target?.stop();
    await book.close();
  }
}

async function reportRelay(database: string, chosen: BenchArguments): Promise<void> {
  const reason = whyNoBrokers();
  if (reason !== undefined) {
    console.error(`relay: skipped, ${reason}`);
    return;
  }
  const result = await measureRelay(database, chosen);
  console.log(chosen.json ? toRelayJson(result) : toRelayTable(result));
}

interface Bench {
  readonly book: Book;
  readonly target: HttpTarget | undefined;
  readonly chosen: BenchArguments;
}

/** Takes turns, ours and naive, so that what else happens on the machine meets both; the medians count. */
async function measureRow(row: Row, { book, target, chosen }: Bench): Promise<Result> {
  const windowMs = chosen.seconds * 1_000;
  const ours: Sample[] = [];
  const naive: Sample[] = [];
  for (let repeat = 1; repeat <= chosen.repeats; repeat++) {
    const name = `${row.name}${row.hot ? '-hot' : ''}-${row.callers}-${repeat}`;
    ours.push(
      await profiled({ directory: chosen.profile, name }, () =>
        takeSample(book, {
          windowMs,
          nodePid: row.name === 'engine' ? process.pid : (target?.serverPid ?? 0),
          start: () => startOurs(row, book, target),
        }),
      ),
    );
    const start = () => startCallers(row.naiveCallers, postNaively(book, row.hot));
    naive.push(await takeSample(book, { windowMs, nodePid: process.pid, start }));
  }
  return toResult(row, medianSample(ours), medianSample(naive));
}

function startOurs(row: Row, book: Book, target: HttpTarget | undefined) {
  if (row.name === 'engine') return startCallers(row.callers, postWithEngine(book, row.hot));
  if (target === undefined) throw new Error('the server was not started');
  return target.startLoad({ connections: row.callers, batchSize: row.batchSize });
}

/** Figures count only if all that was posted, by either side, adds up. */
async function requireCleanBooks({ ledger }: Book, target: HttpTarget | undefined): Promise<void> {
  const reports = [await ledger.verify(), ...(target === undefined ? [] : [await target.verify()])];
  for (const { ok, problemsFound, problems } of reports) {
    if (!ok) throw new Error(`verify found ${problemsFound} problems, the first ${JSON.stringify(problems[0])}`);
  }
  const transfers = reports.reduce((sum, report) => sum + report.transfers, 0);
  console.error(`verify is clean: ${transfers.toLocaleString('en-US')} transfers, naive ones included`);
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(isUsage ? error.message : error);
  process.exitCode = isUsage ? 2 : 1;
}
