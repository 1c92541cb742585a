import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  createInProcessPublisher,
  createRelay,
  EVENT_DATA,
  isCatalogueEvent,
  type LedgerEvent,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { toKafkaMessage } from '../../src/kafka/cloudevent.js';
import { letExpire } from '../support/due.js';
import { useTestBed } from '../support/test-bed.js';
import { userCreated } from '../support/user-created.js';

const require = createRequire(import.meta.url);
const document = JSON.parse(readFileSync(new URL('../../asyncapi.json', import.meta.url), 'utf8'));
// The schema that the AsyncAPI initiative publishes for its version 3.0.0.
const specification = require('@asyncapi/specs/schemas/3.0.0-without-$id.json');

const bed = useTestBed();

function validator(): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
  addFormats.default(ajv);
  return ajv;
}

/** Every kind of event that the ledger tells. */
async function tellEverything(): Promise<readonly LedgerEvent[]> {
  const ledger = bed.ledger();
  const userId = uuidv7();
  const client = await bed.connect();
  await client.query('begin');
  await ledger.within(fromPg(client)).events.write(userCreated, { subject: userId, data: { userId } });
  await client.query('commit');
  await ledger.accounts.open({ address: 'world', currency: 'USD' });
  await ledger.accounts.open({ address: 'a', currency: 'USD', maximum: 10n ** 37n });
  await ledger.transfers.post({ from: 'world', to: 'a', amount: 5n, currency: 'USD', metadata: { list: [1, null] } });
  const pay = { from: 'a', to: 'world', currency: 'USD' };
  await ledger.requests.submitMany([
    { ...pay, amount: 6n, idempotencyKey: 'too much' },
    { ...pay, amount: 1n, idempotencyKey: 'at once', metadata: { list: [1, null] }, requestedBy: userId },
  ]);
  await ledger.transfers.post({ ...pay, amount: 1n, idempotencyKey: 'at once', metadata: { list: [1, null] } });
  await ledger.requests.processRequests();
  await ledger.accounts.freeze('a');
  await ledger.accounts.unfreeze('a', { by: 'operator:1', reason: 'checked' });
  await ledger.accounts.setLimits('a', { maximum: null });
  const hold = { from: 'a', to: 'world', amount: 2n, currency: 'USD' };
  const expiring = await ledger.holds.place({ ...hold, expiresAt: new Date(Date.now() + 3_600_000) });
  await letExpire(bed, expiring.id);
  await ledger.holds.expire();
  await ledger.holds.release((await ledger.holds.place(hold)).id);
  const captured = await ledger.holds.capture((await ledger.holds.place(hold)).id, { amount: 1n, final: true });
  await ledger.transfers.reverse(captured.id);
  const largest = 10n ** 38n - 1n;
  await ledger.accounts.open({ address: 'overdraft', currency: 'USD', minimum: -largest });
  await ledger.transfers.post({ from: 'world', to: 'overdraft', amount: largest / 2n, currency: 'USD' });
  await ledger.accounts.open({ address: 'b', currency: 'USD' });
  await ledger.accounts.close('b');
  const delivered: LedgerEvent[] = [];
  const publisher = createInProcessPublisher(async (events) => {
    delivered.push(...events);
  });
  const relay = createRelay({ database: bed.url, sink: 'all', publisher });
  relay.start();
  await expect.poll(async () => (await relay.status()).rows).toBe(0);
  await relay.stop();
  return delivered;
}

describe('asyncapi.json', () => {
  it('asyncapi.json is an AsyncAPI 3 document', () => {
    const ajv = validator();
    expect(ajv.validate(specification, document), ajv.errorsText()).toBe(true);
    const { channels: _, ...broken } = { ...document, info: { title: 7 } };
    expect(ajv.validate(specification, broken)).toBe(false);
  });

  it('asyncapi.json refers to nothing that it does not define', () => {
    const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
    expect(references.length).toBeGreaterThan(10);
    for (const reference of references) {
      const path = reference.slice('"$ref":"#/'.length, -1).split('/');
      expect(
        path.reduce((at, name) => at?.[name], document),
        reference,
      ).toBeDefined();
    }
  });

  it('asyncapi.json describes the headers and data of every event as they are delivered', async () => {
    const delivered = (await tellEverything()).filter(isCatalogueEvent);
    expect(new Set(delivered.map(({ type }) => type))).toEqual(new Set(Object.keys(EVENT_DATA)));
    const ajv = validator();
    for (const event of delivered) {
      const { topic, headers, value } = toKafkaMessage(event);
      expect(document.channels[topic].messages[event.type]).toBeDefined();
      const { [event.type]: payload } = document.components.schemas;
      expect(ajv.validate(payload, JSON.parse(value)), `${event.type}: ${ajv.errorsText()}`).toBe(true);
      expect(ajv.validate(document.components.messages[event.type].headers, headers), ajv.errorsText()).toBe(true);
      expect(ajv.validate(payload, { ...JSON.parse(value), later: 'a member of a later release' })).toBe(true);
      expect(ajv.validate(payload, {})).toBe(false);
    }
  });
});
