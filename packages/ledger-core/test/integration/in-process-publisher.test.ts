import { createInProcessPublisher, type LedgerEvent } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { itKeepsTheContract } from '../support/event-publisher-contract.js';

describe('an in-process publisher', () => {
  itKeepsTheContract(async () => {
    const received: LedgerEvent[] = [];
    return {
      publisher: createInProcessPublisher(async (events) => {
        received.push(...events);
      }),
      received: async () => received.map(({ position: _, ...event }) => event),
      async end() {},
    };
  });

  it('an in-process publisher rejects when the function that it delivers to does', async () => {
    const publisher = createInProcessPublisher(() => Promise.reject(new Error('not now')));
    await publisher.connect();
    await expect(publisher.publish([])).rejects.toThrow('not now');
  });
});
