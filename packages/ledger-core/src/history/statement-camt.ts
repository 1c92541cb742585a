import { hash, randomUUID } from 'node:crypto';
import { isDebitNormal } from '../domain/accounts/account.js';
import { toDecimal } from '../domain/money/money.js';
import { LedgerError } from '../errors.js';
import type { Statement, StatementEntry } from './statement.js';
import { checkStatement } from './statement-formats.js';

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08';

/** Limits of the schema: ActiveOrHistoricCurrencyAndAmount, Max70Text, Max140Text and Max35Text. */
const AMOUNT_DIGITS_MAX = 18;
const AMOUNT_SCALE_MAX = 5;
const CURRENCY = /^[A-Z]{3}$/;
const NAME_LENGTH_MAX = 70;
const REMITTANCE_LENGTH_MAX = 140;
const REFERENCE_LENGTH_MAX = 35;
const ID_LENGTH = 32;

/**
 * Writes a statement as a bank-to-customer statement of ISO 20022 (camt.053.001.08), piece by piece. Ids are written without
 * dashes, since its fields are shorter than a UUID. `CRDT` and `DBIT` are the ledger's own sides: a wallet's balance is `CRDT`.
 *
 * @throws {LedgerError} `invalid_request`, `format_unsuitable` for amounts or currencies that camt.053 has no room for, and
 *   errors of reading the statement's pages. Balances are checked first; an entry without room breaks the file off.
 */
export async function* statementCamt053(statement: Statement): AsyncGenerator<string> {
  const { account, from, to, by, opening, closing } = checkStatement(statement);
  const write = writerOf(statement);
  const created = new Date().toISOString();
  const address = account.address.length > NAME_LENGTH_MAX ? '' : element('Nm', text(account.address));
  // Both first: a statement that does not fit is refused before its first line.
  const balances = write.balance('OPBD', opening, from) + write.balance('CLBD', closing, to);
  yield '<?xml version="1.0" encoding="UTF-8"?>\n';
  yield `<Document xmlns="${NAMESPACE}"><BkToCstmrStmt>\n`;
  yield `${element('GrpHdr', element('MsgId', withoutDashes(randomUUID())) + element('CreDtTm', created))}\n<Stmt>`;
  yield element('Id', idOf([account.id, from.toISOString(), to.toISOString(), by, opening, closing])) +
    element('CreDtTm', created);
  yield element('FrToDt', element('FrDtTm', from.toISOString()) + element('ToDtTm', to.toISOString()));
  yield element('Acct', element('Id', other(account.id)) + element('Ccy', account.currency) + address);
  yield `\n${balances}`;
  for await (const entry of statement.all()) yield write.entry(entry);
  yield '</Stmt>\n</BkToCstmrStmt></Document>\n';
}

function writerOf({ account, scale }: Statement) {
  const { currency } = account;
  const [plus, minus] = isDebitNormal(account.type) ? (['DBIT', 'CRDT'] as const) : (['CRDT', 'DBIT'] as const);
  const amount = (units: bigint) => `<Amt Ccy="${currency}">${decimal(units, scale, currency)}</Amt>`;
  return {
    balance(code: 'OPBD' | 'CLBD', units: bigint, at: Date): string {
      const type = element('Tp', element('CdOrPrtry', element('Cd', code)));
      const indicator = element('CdtDbtInd', units < 0n ? minus : plus);
      const content =
        type + amount(units < 0n ? -units : units) + indicator + element('Dt', element('DtTm', at.toISOString()));
      return `${element('Bal', content)}\n`;
    },
    entry({
      transferId,
      kind,
      direction,
      amount: units,
      counterparty,
      description,
      reference,
      ...times
    }: StatementEntry): string {
      const isCredit = direction === 'credit';
      const isShort = reference !== null && [...reference].length <= REFERENCE_LENGTH_MAX;
      const id = withoutDashes(transferId);
      const party = element(isCredit ? 'DbtrAcct' : 'CdtrAcct', element('Id', other(counterparty)));
      const details =
        element('Refs', element('AcctSvcrRef', id) + (isShort ? element('EndToEndId', text(reference)) : '')) +
        element('RltdPties', party) +
        remittance(description ?? '') +
        (reference === null || isShort ? '' : element('AddtlTxInf', text(reference)));
      const content = [
        element('NtryRef', id),
        amount(units),
        element('CdtDbtInd', isCredit ? 'CRDT' : 'DBIT'),
        kind === 'reversal' ? element('RvslInd', 'true') : '',
        element('Sts', element('Cd', 'BOOK')),
        element('BookgDt', element('DtTm', times.recordedAt.toISOString())),
        element('ValDt', element('DtTm', times.effectiveAt.toISOString())),
        element('BkTxCd', element('Prtry', element('Cd', kind))),
        element('NtryDtls', element('TxDtls', details)),
      ];
      return `${element('Ntry', content.join(''))}\n`;
    },
  };
}

/** @throws {LedgerError} `format_unsuitable` */
function decimal(units: bigint, scale: number, currency: string): string {
  const shown = toDecimal(units, scale);
  const digits = shown.replace('.', '').replace(/^0+/, '').length;
  if (CURRENCY.test(currency) && scale <= AMOUNT_SCALE_MAX && digits <= AMOUNT_DIGITS_MAX) return shown;
  throw new LedgerError(
    'format_unsuitable',
    `camt.053 has room for ${AMOUNT_DIGITS_MAX} digits, ${AMOUNT_SCALE_MAX} of them after the point, in a currency of three ` +
      'letters; take CSV or JSON',
    { currency, scale },
  );
}

/** The same for the same statement, and another for any other: software that imports statements refuses an id that it has seen. */
function idOf(parts: readonly (string | bigint)[]): string {
  return hash('sha256', parts.join(' ')).slice(0, ID_LENGTH);
}

/** Long descriptions go on in a further element. */
function remittance(description: string): string {
  const characters = [...description];
  const parts: string[] = [];
  for (let at = 0; at < characters.length; at += REMITTANCE_LENGTH_MAX) {
    parts.push(element('Ustrd', text(characters.slice(at, at + REMITTANCE_LENGTH_MAX).join(''))));
  }
  return parts.length === 0 ? '' : element('RmtInf', parts.join(''));
}

/** Its fields are shorter than a UUID. */
function withoutDashes(id: string): string {
  return id.replaceAll('-', '');
}

function other(id: string): string {
  return element('Othr', element('Id', withoutDashes(id)));
}

function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** XML 1.0 cannot hold other control characters, nor U+FFFE and U+FFFF, in any form. */
const OUTSIDE_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

function text(value: string): string {
  return value.replaceAll(OUTSIDE_XML, '\uFFFD').replaceAll(/[&<>\t\n\r]/g, (character) => ENTITIES[character] ?? '');
}
