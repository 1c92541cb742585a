import { createRelay } from '@micropay/ledger-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LAG_ROWS_MAX } from '../../src/postgres/event-cursors.js';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const LEDGERS = 3;
const ROWS = LAG_ROWS_MAX / 2.5;
const relay = () => createRelay({ database: bed.url, sink: 'behind', publisher: createRecordingPublisher() });
let reading: ReturnType<typeof relay>;

beforeAll(async () => {
  await bed.sql(`insert into micropay.ledgers (name) select 'book-' || n from generate_series(1, ${LEDGERS + 1}) n`);
  // The first ledger has waited longest, and the last one has nothing.
  await bed.sql(
    `insert into micropay.events (recorded_at, ledger, id, type, subject, data, topic)
     select now() - make_interval(mins => ${LEDGERS + 1} - substr(name, 6)::int), l.id, gen_random_uuid(), 'note.made.v1',
       gen_random_uuid(), '{}', 'notes'
     from micropay.ledgers l, generate_series(1, $1::int) where name like 'book-%' and name <> 'book-${LEDGERS + 1}'`,
    [ROWS],
  );
  await bed.sql('analyze micropay.events');
  reading = relay();
});
afterAll(() => reading.stop());

it('the lag of all ledgers together ends its count at a limit, those first that have waited longest', async () => {
  const { rows, seconds, worst } = await reading.status();
  // A ledger that is not counted any more is behind nevertheless.
  expect(rows).toBeGreaterThanOrEqual(LAG_ROWS_MAX);
  expect(rows).toBeLessThanOrEqual(LAG_ROWS_MAX + LEDGERS);
  expect(worst).toMatchObject({ ledger: 'book-1', rows: ROWS, position: 0n });
  expect(seconds).toBeGreaterThan(60 * LEDGERS - 1);
  expect(seconds).toBe(worst?.seconds);
});

it('the lag of one ledger is counted by itself, and is nothing where nothing waits', async () => {
  expect(await reading.lag(`book-${LEDGERS}`)).toMatchObject({ rows: ROWS });
  expect(await reading.lag(`book-${LEDGERS + 1}`)).toEqual({
    ledger: `book-${LEDGERS + 1}`,
    position: 0n,
    deletedThrough: 0n,
    rows: 0,
    seconds: 0,
  });
  await bed.sql(
    `insert into micropay.event_cursors (ledger, sink, position)
     select l.id, 'behind', (select position from micropay.events e where e.ledger = l.id order by position desc offset 3 limit 1)
     from micropay.ledgers l where l.name like 'book-%' and l.name <> 'book-${LEDGERS + 1}'`,
  );
  expect(await reading.lag('book-1')).toMatchObject({ rows: 3 });
  expect(await reading.status()).toMatchObject({ rows: 3 * LEDGERS });
});
