import { expect, it } from 'vitest';
import type { MoneyType, NotificationData } from '../notice.js';
import { EN } from './en.js';
import { LANGUAGES, notificationText, signInText } from './texts.js';

const DATA: NotificationData = {
  transfer: 't',
  wallet: 'w',
  walletName: 'holiday',
  amount: '123456',
  currency: 'EUR',
  direction: 'in',
  threshold: '200000',
};

const CASES = LANGUAGES.flatMap((language) =>
  (Object.keys(EN.types) as MoneyType[]).flatMap((type) =>
    (['in', 'out'] as const).flatMap((direction) =>
      (['released', 'expired'] as const).map((end) => [language, type, direction, end] as const),
    ),
  ),
);

it.each(CASES)('a text in %s of %s (%s, %s) names the wallet and the amount as its language writes it', (...words) => {
  const [language, type, direction, end] = words;
  const { title, text } = notificationText(language, type, { data: { ...DATA, direction, end }, scale: 2 });
  expect(title).not.toBe('');
  expect(text).toContain('holiday');
  expect(text.replaceAll('\u00a0', ' ')).toContain(language === 'de' ? '1.234,56 €' : '€1,234.56');
});

it('a negative balance and a currency without digits are written as the ledger has them', () => {
  const data: NotificationData = { ...DATA, amount: '-5', currency: 'JPY', threshold: '0' };
  expect(notificationText('en', 'low_balance', { data, scale: 0 }).text).toContain('-¥5');
  expect(notificationText('en', 'low_balance', { data, scale: 3 }).text).toContain('-¥0.005');
});

it.each(LANGUAGES)('a text in %s of a sign-in names the device and the network', (language) => {
  const { title, text } = signInText(language, { device: 'Firefox on Linux', network: '192.0.2.17' });
  expect(title).not.toBe('');
  expect(text).toMatch(/^Firefox on Linux .*192\.0\.2\.17/);
  expect(signInText(language, { device: '', network: '192.0.2.17' }).text).toMatch(/^(?:An unknown|Ein unbekanntes) /);
});
