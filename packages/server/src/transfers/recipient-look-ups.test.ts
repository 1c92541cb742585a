import { expect, it } from 'vitest';
import type { UserId } from '../identity/user-id.js';
import { createRecipientLookUps } from './recipient-look-ups.js';

const user = (id: string, clientAddress = '192.0.2.1') => ({
  principal: { kind: 'user', id: id as UserId, sessionId: 's' } as const,
  clientAddress,
});

it('counts emails before they are looked up, each of them, for a user', () => {
  const lookUps = createRecipientLookUps();
  lookUps.take(user('a'), 59);
  expect(() => lookUps.take(user('a'), 2)).toThrow('wait 1 seconds');
  lookUps.take(user('a'), 1);
  expect(() => lookUps.take(user('a'), 1)).toThrow('wait 1 seconds');
  lookUps.take(user('a'), 0);
});

it('refuses at once what could never be looked up', () => {
  expect(() => createRecipientLookUps().take(user('a'), 61)).toThrow('at most 60 emails in one request');
});

it('counts the users of one network together', () => {
  const lookUps = createRecipientLookUps();
  for (let count = 0; count < 10; count += 1) lookUps.take(user(`user ${count}`, `2001:db8::${count}`), 60);
  expect(() => lookUps.take(user('another', '2001:db8::ffff'), 1)).toThrow('wait 1 seconds');
  lookUps.take(user('elsewhere', '2001:db8:0:1::1'), 60);
});

it('lets operators look up whom they like', () => {
  createRecipientLookUps().take({ principal: { kind: 'operator', id: 'o' }, clientAddress: '' }, 1_000);
});
