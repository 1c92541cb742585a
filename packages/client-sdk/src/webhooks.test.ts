import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { verifyWebhook, WebhookError, type WebhookErrorCode } from './webhooks.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=';
const OTHER = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const ID = 'msg_6b1f0a5e-2c8d-8f47-8a3b-5d9e1c7f4b20';
const EVENT = { id: 'a/transfer.posted', type: 'transfer.posted.v1', data: { description: 'Mittagessen für 3 €' } };
const BODY = JSON.stringify(EVENT);

/** Signed by the library that receivers of other senders use. */
function headersOf({ body = BODY, secret = SECRET, at = new Date() } = {}) {
  return {
    'webhook-id': ID,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(ID, at, body),
  };
}

const codeOf = (verifying: Promise<unknown>) =>
  verifying.then(
    () => 'accepted',
    (error: unknown) => (error instanceof WebhookError ? error.code : String(error)),
  );

describe('verifyWebhook', () => {
  it('returns the event of what was signed with the secret, from every kind of headers and body', async () => {
    const headers = headersOf();
    const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
    for (const given of [headers, new Headers(headers), upper]) {
      for (const body of [BODY, new TextEncoder().encode(BODY), Buffer.from(BODY)]) {
        expect(await verifyWebhook(body, given, SECRET)).toEqual(EVENT);
      }
    }
  });

  it('accepts one signature of several, and one secret of several', async () => {
    const { 'webhook-signature': good, ...others } = headersOf();
    const bad = new Webhook(OTHER).sign(ID, new Date(), BODY);
    const both = { ...others, 'webhook-signature': `v1a,${'A'.repeat(88)} ${bad} ${good}` };
    expect(await verifyWebhook(BODY, both, SECRET)).toEqual(EVENT);
    expect(await verifyWebhook(BODY, headersOf(), [OTHER, SECRET])).toEqual(EVENT);
  });

  it.each<[string, WebhookErrorCode, () => Parameters<typeof verifyWebhook>]>([
    ['another secret', 'signature_invalid', () => [BODY, headersOf(), OTHER]],
    ['a changed body', 'signature_invalid', () => [BODY.replace('3', '4'), headersOf(), SECRET]],
    ['a changed id', 'signature_invalid', () => [BODY, { ...headersOf(), 'webhook-id': 'msg_other' }, SECRET]],
    ['an old one', 'timestamp_invalid', () => [BODY, headersOf({ at: new Date(Date.now() - 301_000) }), SECRET]],
    ['one of the future', 'timestamp_invalid', () => [BODY, headersOf({ at: new Date(Date.now() + 310_000) }), SECRET]],
    [
      'no number as its time',
      'timestamp_invalid',
      () => [BODY, { ...headersOf(), 'webhook-timestamp': '1e9' }, SECRET],
    ],
    ['another time', 'signature_invalid', () => [BODY, { ...headersOf(), 'webhook-timestamp': later() }, SECRET]],
    ['no signature', 'headers_missing', () => [BODY, { ...headersOf(), 'webhook-signature': '' }, SECRET]],
    ['no headers', 'headers_missing', () => [BODY, {}, SECRET]],
    [
      'a signature that is no base64',
      'signature_invalid',
      () => [BODY, { ...headersOf(), 'webhook-signature': 'v1,?' }, SECRET],
    ],
    ['a short signature', 'signature_invalid', () => [BODY, { ...headersOf(), 'webhook-signature': 'v1,' }, SECRET]],
    ['a parsed body', 'body_invalid', () => [EVENT as never, headersOf(), SECRET]],
    ['a body that is no event', 'body_invalid', () => ['[1]', headersOf({ body: '[1]' }), SECRET]],
    ['a secret without its prefix', 'secret_invalid', () => [BODY, headersOf(), SECRET.slice(6)]],
    ['an empty secret', 'secret_invalid', () => [BODY, headersOf(), 'whsec_']],
    ['no secret', 'secret_invalid', () => [BODY, headersOf(), []]],
    ['a secret that is undefined', 'secret_invalid', () => [BODY, headersOf(), [undefined as never]]],
  ])('refuses %s as %s', async (_name, code, given) => {
    expect(await codeOf(verifyWebhook(...given()))).toBe(code);
  });

  it('accepts an older one where the tolerance says so', async () => {
    const headers = headersOf({ at: new Date(Date.now() - 900_000) });
    expect(await verifyWebhook(BODY, headers, SECRET, { toleranceS: 1_000 })).toEqual(EVENT);
  });
});

const later = () => String(Math.floor(Date.now() / 1_000) + 60);
