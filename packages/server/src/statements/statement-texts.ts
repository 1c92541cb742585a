import type { StatementEntry } from '@micropay/ledger-core';

/** The fixed words of a statement for a customer. */
export interface StatementTexts {
  readonly title: string;
  readonly account: string;
  readonly period: string;
  readonly currency: string;
  readonly issued: string;
  readonly columns: readonly [date: string, text: string, debit: string, credit: string, balance: string];
  readonly opening: string;
  readonly closing: string;
  readonly none: string;
  readonly kinds: Readonly<Record<StatementEntry['kind'], string>>;
  readonly page: (page: string, pages: string) => string;
}

const EN: StatementTexts = {
  title: 'Account statement',
  account: 'Account',
  period: 'Period',
  currency: 'Currency',
  issued: 'Issued',
  columns: ['Date', 'Description', 'Debit', 'Credit', 'Balance'],
  opening: 'Opening balance',
  closing: 'Closing balance',
  none: 'No transactions in this period',
  kinds: {
    transfer: 'Transfer',
    hold: 'Hold',
    capture: 'Payment',
    release: 'Release',
    expiry: 'Expiry',
    reversal: 'Refund',
  },
  page: (page, pages) => `Page ${page} of ${pages}`,
};

const DE: StatementTexts = {
  title: 'Kontoauszug',
  account: 'Konto',
  period: 'Zeitraum',
  currency: 'Währung',
  issued: 'Erstellt am',
  columns: ['Datum', 'Beschreibung', 'Soll', 'Haben', 'Saldo'],
  opening: 'Anfangssaldo',
  closing: 'Endsaldo',
  none: 'Keine Umsätze in diesem Zeitraum',
  kinds: {
    transfer: 'Überweisung',
    hold: 'Reservierung',
    capture: 'Zahlung',
    release: 'Freigabe',
    expiry: 'Ablauf',
    reversal: 'Erstattung',
  },
  page: (page, pages) => `Seite ${page} von ${pages}`,
};

/** Words of the locale's language; English where we have none. Numbers and dates are written as the locale does in any case. */
export function statementTexts(locale: string): StatementTexts {
  return new Intl.Locale(locale).language === 'de' ? DE : EN;
}
