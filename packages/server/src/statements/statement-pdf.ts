import { type Ledger, LedgerError, type Statement, type StatementEntry, toDecimal } from '@micropay/ledger-core';
import { StartError } from '../errors/start-error.js';
import type { LedgerServices } from '../http/route.js';
import { createQuietThread } from '../throttling/quiet-thread.js';
import { createWorkLimit } from '../throttling/work-limit.js';
import { readLogo } from './statement-logo.js';
import { statementTexts } from './statement-texts.js';

/** Makes the PDFs of a ledger's statements. */
export interface StatementPdfs {
  /**
   * A statement on pages of A4 for a customer to read, with words, numbers and dates of a locale such as `de-AT`.
   *
   * @param asker who gets one at a time, so that nobody keeps the thread from all others
   * @throws {LedgerError} `format_unsuitable` for more than 2,000 entries, `overloaded` when the asker has one under way or too
   *   many are asked for at once, and errors of reading the statement's pages
   */
  make(statement: Statement, locale: string, asker: string): Promise<Uint8Array>;
}

export interface StatementServices extends LedgerServices {
  readonly statementPdfs: StatementPdfs;
}

/** What the thread lays out: one table, with all of its texts in the reader's language. */
export interface TableDocument {
  readonly language: string;
  readonly title: string;
  readonly author: string;
  /** An instant of ISO 8601. */
  readonly created: string;
  readonly logo: Uint8Array | undefined;
  /** Above the table. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly columns: readonly string[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly isBold?: boolean }[];
  /** Where `{page}` and `{pages}` stand for numbers. */
  readonly footer: string;
}

/** Some fifty pages, which take a second of a processor. */
const ENTRIES_MAX = 2_000;
const AT_ONCE_MAX = 2;
const WAITING_MAX = 20;

const thread = createQuietThread(new URL('./pdf-thread.js', import.meta.url), { idleMs: 10_000 });

/** @throws {StartError} `invalid_configuration` for a logo that is no image */
export async function createStatementPdfs(
  ledger: Ledger,
  { serviceName, logoPath }: { readonly serviceName: string; readonly logoPath: string | undefined },
): Promise<StatementPdfs> {
  const logo = logoPath === undefined ? undefined : await readLogo(logoPath);
  if (logo !== undefined) await tryOut(logo);
  const limited = createWorkLimit({ atOnceMax: AT_ONCE_MAX, waitingMax: WAITING_MAX });
  const askers = new Set<string>();
  return {
    async make(statement, locale, asker) {
      if (askers.has(asker))
        throw new LedgerError('overloaded', 'your last PDF is not ready yet: ask again when it is');
      askers.add(asker);
      try {
        return await limited(async () => {
          const entries = await readAll(statement);
          const style = { locale, timeZone: await ledger.timeZone(), serviceName, logo };
          return layOut(toDocument(statement, entries, style));
        });
      } finally {
        askers.delete(asker);
      }
    },
  };
}

async function layOut(document: TableDocument): Promise<Uint8Array> {
  return (await thread.run(document)) as Uint8Array;
}

/** An image may be damaged behind its first bytes. */
async function tryOut(logo: Uint8Array): Promise<void> {
  const texts = { language: 'en', title: '', author: '', footer: '', facts: [], columns: [''], rows: [] };
  await layOut({ ...texts, created: new Date().toISOString(), logo }).catch((cause: Error) => {
    throw new StartError('invalid_configuration', `STATEMENT_LOGO: the image is damaged: ${cause.message}`, { cause });
  });
}

async function readAll(statement: Statement): Promise<readonly StatementEntry[]> {
  const entries: StatementEntry[] = [];
  for await (const entry of statement.all()) {
    entries.push(entry);
    if (entries.length > ENTRIES_MAX) {
      const message = `a PDF has room for ${ENTRIES_MAX} entries: take a shorter period, CSV or JSON`;
      throw new LedgerError('format_unsuitable', message, { maximum: ENTRIES_MAX });
    }
  }
  return entries;
}

interface Style {
  readonly locale: string;
  /** The zone of the dates: that of the ledger's days. */
  readonly timeZone: string;
  /** Who issues the statement. */
  readonly serviceName: string;
  readonly logo: Uint8Array | undefined;
}

function toDocument(
  { account, scale, by, from, to, opening, closing }: Statement,
  entries: readonly StatementEntry[],
  { locale, timeZone, serviceName, logo }: Style,
): TableDocument {
  const texts = statementTexts(locale);
  const now = new Date();
  // The font has no digits of other scripts.
  const written = new Intl.Locale(locale, { numberingSystem: 'latn' });
  const days = new Intl.DateTimeFormat(written, { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  const numbers = new Intl.NumberFormat(written, { minimumFractionDigits: scale, maximumFractionDigits: scale });
  // As a text, which `Intl` reads exactly: numbers lose digits.
  const amount = (units: bigint) => numbers.format(toDecimal(units, scale) as `${number}`);
  const row = ({ recordedAt, effectiveAt, kind, description, direction, amount: units, balance }: StatementEntry) => {
    const sides = direction === 'debit' ? [amount(units), ''] : ['', amount(units)];
    const text = description === null ? texts.kinds[kind] : visible(description);
    return { cells: [days.format(by === 'effective' ? effectiveAt : recordedAt), text, ...sides, amount(balance)] };
  };
  return {
    language: locale,
    title: texts.title,
    author: visible(serviceName),
    created: now.toISOString(),
    logo,
    facts: [
      [texts.account, `${account.address}\n${account.id}`],
      // Half-open: customers read its last day.
      [texts.period, days.formatRange(from, new Date(to.getTime() - 1))],
      [texts.currency, account.currency],
      [texts.issued, days.format(now)],
    ],
    columns: texts.columns,
    rows: [
      { cells: ['', texts.opening, '', '', amount(opening)], isBold: true },
      ...(entries.length === 0 ? [{ cells: ['', texts.none, '', '', ''] }] : entries.map(row)),
      { cells: ['', texts.closing, '', '', amount(closing)], isBold: true },
    ],
    footer: texts.page('{page}', '{pages}'),
  };
}

/** A description is somebody's text: what has no shape of its own is left out. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
