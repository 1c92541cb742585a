import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { pythonPackages } from '../support/python-packages.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';
import { startReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

const VERIFY = `
import json, sys
from standardwebhooks.webhooks import Webhook
given = json.load(sys.stdin)
print(json.dumps(Webhook(given["secret"]).verify(given["body"], given["headers"])))
`;

const python = pythonPackages('standardwebhooks', new URL('./requirements.txt', import.meta.url));
const whyNot = python.whyNot();
let server: TestServer;
let receiver: WebhookReceiver;

beforeEach((context) => {
  if (whyNot === undefined) return;
  if (process.env.CI) throw new Error(`Python is not skipped in CI: it ${whyNot}`);
  context.skip(whyNot);
});
beforeAll(async () => {
  if (whyNot !== undefined) return;
  server = await startTestServer({ webhooks: { allowedNetworks: ['127.0.0.0/8'], limits: { pollMs: 50 } } });
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver?.stop();
  await server?.stop();
});

it('the library of Standard Webhooks for Python accepts what a server sends, and nothing that was changed', {
  timeout: 120_000,
}, async () => {
  const token = OPERATOR_KEY;
  const made = await call(server.url, 'POST /v1/webhook-endpoints', { token, body: { url: receiver.url } });
  await call(server.url, `POST /v1/webhook-endpoints/${made.body.endpoint.id}/test`, { token });
  await expect.poll(() => receiver.received.length).toBe(1);
  const { body = '', headers = {} } = receiver.received[0] ?? {};
  const program = python.install();
  const verify = (sent: string) =>
    spawnSync(program, ['-c', VERIFY], {
      input: JSON.stringify({ secret: made.body.secret, body: sent, headers }),
      encoding: 'utf8',
    });
  const accepted = verify(body);
  expect(accepted.stderr).toBe('');
  expect(JSON.parse(accepted.stdout)).toEqual(JSON.parse(body));
  expect(verify(body.replace('{}', '{"changed":true}')).stderr).toContain('No matching signature');
});
