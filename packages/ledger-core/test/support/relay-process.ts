// A relay in a process of its own, to be killed: relay-process.ts <database> <sink> <file>. It appends the events that it
// delivers to the file, an event a line; the line is there before the cursor moves, as with a broker that has acknowledged.
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createRelay } from '@micropay/ledger-core';

const [database = '', sink = '', file = ''] = process.argv.slice(2);

const relay = createRelay({
  database,
  sink,
  batchSizeMax: 20,
  pollMs: 20,
  publisher: {
    async connect() {},
    async publish(events) {
      for (const { id, type, subject, data } of events) {
        appendFileSync(file, `${JSON.stringify({ id, type, subject, data, pid: process.pid })}\n`);
      }
      await delay(5);
    },
    async close() {},
  },
});
relay.start();
process.on('SIGTERM', () => void relay.stop());
