import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createRevokedSessions, type RevokedSessions } from '../src/auth/tokens/revoked-sessions.js';
import { connect, type Database } from '../src/database/connect.js';
import { startTestServer, type TestServer } from './support/test-server.js';

const HOUR_MS = 3_600_000;
let server: TestServer;
let database: Database;
let sessions: RevokedSessions;

beforeAll(async () => {
  server = await startTestServer();
  database = connect(server.databaseUrl, 'micropay');
});
afterAll(async () => {
  await database.destroy();
  await server.stop();
});
beforeEach(() => {
  sessions = createRevokedSessions(database, 'main');
  return () => vi.restoreAllMocks();
});

function setClocks({ wallMs, elapsedMs }: { wallMs: number; elapsedMs: number }): void {
  const [wall, elapsed] = [Date.now() + wallMs, performance.now() + elapsedMs];
  vi.spyOn(Date, 'now').mockReturnValue(wall);
  vi.spyOn(performance, 'now').mockReturnValue(elapsed);
}

it.each([
  ['no time has passed', { wallMs: 0, elapsedMs: 0 }, true],
  ['the clock was set forward', { wallMs: HOUR_MS, elapsedMs: 0 }, true],
  ['the clock was set back while time passed', { wallMs: -HOUR_MS, elapsedMs: HOUR_MS }, true],
  ['time has passed', { wallMs: HOUR_MS, elapsedMs: HOUR_MS }, false],
])('when %s, an ended session counts as ended: %j, %s', async (_name, clocks, expected) => {
  sessions.add('session');
  setClocks(clocks);
  await sessions.poll();
  expect(sessions.has('session')).toBe(expected);
});
