import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleForPlatforms, edgeRuntime, type Platform, reactNative } from './support/platforms.js';
import { type ScriptedServer, startScriptedServer, stayMute } from './support/scripted-server.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let mute: ScriptedServer;
let directory: string;
let script: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'client-sdk-'));
  [server, mute, script] = await Promise.all([
    startTestServer(),
    startScriptedServer(stayMute),
    bundleForPlatforms(directory),
  ]);
});
afterAll(async () => {
  await Promise.all([server.stop(), mute.close()]);
  await rm(directory, { recursive: true });
});

/** Results expected on every platform. */
const EVERYWHERE = {
  read: '0',
  ownKey: '10',
  timeout: expect.stringMatching(/^timeout: /),
  aborted: expect.stringMatching(/^aborted: /),
  abortedBefore: expect.stringMatching(/^aborted: /),
  listenersLeft: 0,
};
const ALL = { ...EVERYWHERE, madeKey: '10', event: 'balance.changed.v1, then the end' };

it.each<{ name: string; platform: Platform; expected: Record<string, unknown> }>([
  { name: 'an edge runtime, which has no AbortSignal.any', platform: edgeRuntime, expected: ALL },
  {
    name: 'React Native, which has no crypto and no streams and says which polyfill to load',
    platform: reactNative,
    expected: {
      ...EVERYWHERE,
      madeKey: expect.stringMatching(/^platform_unsupported: .*crypto\.getRandomValues.*idempotencyKey/),
      event: expect.stringMatching(/^platform_unsupported: .*TextDecoder/),
    },
  },
])('the client works on $name', async ({ platform, expected }) => {
  const trial = { url: server.url, muteUrl: mute.url, operatorKey: OPERATOR_KEY, email: `${randomUUID()}@example.com` };
  expect(await platform(script, trial)).toEqual(expected);
});
