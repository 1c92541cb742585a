import { z } from '@hono/zod-openapi';
import { AmountField, CURRENCY_PATTERN } from '../../http/fields.js';
import { NOTIFICATION_TYPES, type NotificationType } from '../notice.js';
import { LANGUAGES } from '../texts/texts.js';
import { NOTHING_CHOSEN, preferencesOf } from './preferences.js';
import { LOW_BALANCES_MAX } from './preferences-store.js';

const LanguageField = z.enum(LANGUAGES).openapi('Language', { description: 'Of titles, texts and mails' });

function forEachType<Schema extends z.ZodType>(schema: Schema) {
  return Object.fromEntries(NOTIFICATION_TYPES.map((type) => [type, schema])) as Record<NotificationType, Schema>;
}

const ChannelsSchema = z.object({
  inbox: z.boolean(),
  mail: z.boolean().openapi({ description: 'To an email that you have confirmed, at most 30 mails an hour' }),
});
const ChangeChannelsSchema = z.strictObject({ inbox: z.boolean().optional(), mail: z.boolean().optional() });

const LOW_BALANCES =
  'By currency: you are notified when the settled balance of a wallet falls below this, in minor units';

function thresholds<Amount extends z.ZodType>(amount: Amount) {
  return z
    .record(z.string().regex(CURRENCY_PATTERN, 'must be a currency code such as USD'), amount)
    .refine((given) => Object.keys(given).length <= LOW_BALANCES_MAX, `must have at most ${LOW_BALANCES_MAX} members`);
}

export const PreferencesSchema = z
  .object({
    language: LanguageField,
    types: z.object(forEachType(ChannelsSchema.openapi('NotificationChannels'))),
    lowBalances: z.record(z.string(), z.string()).openapi({ description: LOW_BALANCES }),
  })
  .openapi('NotificationPreferences');

export const ChangePreferencesSchema = z
  .strictObject({
    language: LanguageField.optional(),
    types: z
      .strictObject(forEachType(ChangeChannelsSchema.openapi('ChangeNotificationChannels').optional()))
      .optional(),
    lowBalances: thresholds(AmountField.nullable())
      .optional()
      .openapi({
        type: 'object',
        ...{
          patternProperties: { [CURRENCY_PATTERN.source]: { type: ['string', 'null'], pattern: '^[1-9][0-9]{0,37}$' } },
        },
        additionalProperties: false,
        maxProperties: LOW_BALANCES_MAX,
        description: `${LOW_BALANCES}; null for not at all`,
      }),
  })
  .openapi('ChangeNotificationPreferences', { description: 'What is left out stays as it is' });

export const EXAMPLE_PREFERENCES: z.input<typeof PreferencesSchema> = {
  ...preferencesOf(NOTHING_CHOSEN),
  lowBalances: { USD: '1000' },
};
