import { expect, it } from 'vitest';
import { checkConfig } from './check-config.js';
import { readConfig } from './config.js';

const CONFIG = readConfig({ DATABASE_URL: 'postgresql://127.0.0.1/x', KAFKA_BROKERS: 'kafka:9092' });

it('takes what readConfig makes', () => {
  expect(checkConfig(CONFIG)).toEqual(CONFIG);
});

it.each([
  ['ledger', 'a b', 'config.ledger: must be a ledger name of 1 to 63 letters'],
  ['databaseSchema', 'pg_foo', "config.databaseSchema: must not be a schema of PostgreSQL's own"],
  ['databaseSchema', 'information_schema', "config.databaseSchema: must not be a schema of PostgreSQL's own"],
])('refuses %s: %j as readConfig does', (name, value, message) => {
  expect(() => checkConfig({ ...CONFIG, [name]: value })).toThrow(
    expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining(message) }),
  );
});

it('names three unknown fields at most, in its own words', () => {
  const unknown = { a: 1, b: 2, c: 3, d: 4 };
  const places = [
    ['config', { ...CONFIG, ...unknown }],
    ['config.kafka', { ...CONFIG, kafka: { ...CONFIG.kafka, ...unknown } }],
    ['config.live', { ...CONFIG, live: unknown }],
  ] as const;
  for (const [place, config] of places) {
    const message = `${place}: has unknown fields: "a", "b", "c" and 1 more`;
    expect(() => checkConfig(config as never)).toThrow(expect.objectContaining({ message }));
  }
});
