import type { Endpoint } from '../../http/endpoint.js';
import { route } from '../../http/route.js';
import { preferencesOf } from '../preferences/preferences.js';
import { ChangePreferencesSchema, EXAMPLE_PREFERENCES, PreferencesSchema } from '../preferences/preferences-json.js';
import { changeChosen, getChosen } from '../preferences/preferences-store.js';
import type { NotificationServices } from './notifications.js';

const getEndpoint = {
  operationId: 'getNotificationPreferences',
  method: 'get',
  path: '/v1/me/notification-preferences',
  tag: 'Notifications',
  summary: 'Get your notification preferences',
  access: 'user',
  answer: {
    status: 200,
    description: 'Your preferences',
    content: { schema: PreferencesSchema, example: EXAMPLE_PREFERENCES },
  },
  refusals: [],
} as const satisfies Endpoint;

const changeEndpoint = {
  operationId: 'changeNotificationPreferences',
  method: 'patch',
  path: '/v1/me/notification-preferences',
  tag: 'Notifications',
  summary: 'Change your notification preferences',
  description: 'A mail that waits to be sent is not sent if you do not want it any more.',
  access: 'user',
  body: {
    schema: ChangePreferencesSchema,
    example: { language: 'de', types: { money_in: { mail: true } }, lowBalances: { USD: '1000' } },
  },
  answer: {
    status: 200,
    description: 'Your preferences',
    content: { schema: PreferencesSchema, example: EXAMPLE_PREFERENCES },
  },
  refusals: [],
} as const satisfies Endpoint;

export const getNotificationPreferencesRoute = route(
  getEndpoint,
  ({ database, ledger }: NotificationServices) =>
    async ({ principal }) => ({ body: preferencesOf(await getChosen(database, ledger.name, principal.id)) }),
);

export const changeNotificationPreferencesRoute = route(
  changeEndpoint,
  ({ database, ledger }: NotificationServices) =>
    async ({ principal, body }) => ({
      body: preferencesOf(await changeChosen(database, ledger.name, principal.id, body)),
    }),
);
