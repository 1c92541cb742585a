import { toDecimal } from '@micropay/ledger-core';
import type { MoneyType, NotificationData, SignInData } from '../notice.js';
import { DE } from './de.js';
import { EN } from './en.js';

/** A new language is a file like `en.ts`, and a line in `TEXTS`. */
export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What a sentence is made of; amounts are written as the language writes them. */
export interface Words {
  readonly amount: string;
  readonly wallet: string;
  readonly isIn: boolean;
  readonly isExpired: boolean;
  readonly threshold: string;
}

/** A title for a list or the subject of a mail, and a whole sentence. */
export interface NotificationText {
  readonly title: string;
  readonly text: string;
}

export interface Texts {
  readonly types: Readonly<Record<MoneyType, (words: Words) => NotificationText>>;
  /** The device is undefined if it said nothing of itself. */
  readonly newDevice: (words: { readonly device: string | undefined; readonly network: string }) => NotificationText;
  /** Ends each mail. */
  readonly footer: string;
}

const TEXTS: Readonly<Record<Language, Texts>> = { en: EN, de: DE };

export function notificationText(
  language: Language,
  type: MoneyType,
  { data, scale }: { readonly data: NotificationData; readonly scale: number },
): NotificationText {
  const { amount, currency, walletName, direction, end, threshold = '0' } = data;
  const written = (units: string) => formatAmount(language, BigInt(units), { currency, scale });
  return TEXTS[language].types[type]({
    amount: written(amount),
    wallet: walletName,
    isIn: direction === 'in',
    isExpired: end === 'expired',
    threshold: written(threshold),
  });
}

export function signInText(language: Language, { device, network }: SignInData): NotificationText {
  return TEXTS[language].newDevice({ device: device === '' ? undefined : device, network });
}

export function footerIn(language: Language): string {
  return TEXTS[language].footer;
}

/** As texts, which `Intl` reads exactly: numbers lose digits. Its own idea of a currency's digits is not the ledger's. */
function formatAmount(
  language: Language,
  units: bigint,
  { currency, scale }: { readonly currency: string; readonly scale: number },
): string {
  const decimal = toDecimal(units, scale) as `${number}`;
  const digits = { minimumFractionDigits: scale, maximumFractionDigits: scale };
  // Intl knows codes of three letters alone.
  if (!/^[A-Z]{3}$/.test(currency)) return `${new Intl.NumberFormat(language, digits).format(decimal)} ${currency}`;
  return new Intl.NumberFormat(language, { style: 'currency', currency, ...digits }).format(decimal);
}
