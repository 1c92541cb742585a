import { afterAll, expect } from 'vitest';

/** Warnings of `pg`, each about something that its next version removes: no test file may cause one. */
const ofPg: string[] = [];
process.on('warning', ({ name, message }) => {
  if (name === 'DeprecationWarning' && message.includes('pg@')) ofPg.push(message);
});
afterAll(() => expect(ofPg, 'deprecation warnings of pg').toEqual([]));
