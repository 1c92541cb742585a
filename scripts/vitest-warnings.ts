import { afterAll, expect } from 'vitest';

/** What `pg` warns of ends with its next version: no file of tests may have caused it. */
const ofPg: string[] = [];
process.on('warning', ({ name, message }) => {
  if (name === 'DeprecationWarning' && message.includes('pg@')) ofPg.push(message);
});
afterAll(() => expect(ofPg, 'deprecation warnings of pg').toEqual([]));
