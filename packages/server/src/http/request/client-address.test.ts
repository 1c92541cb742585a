import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { createClientAddress } from './client-address.js';

const incoming = (forwarded?: string) =>
  ({
    socket: { remoteAddress: '10.0.0.1' },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;

it.each([
  ['believes nobody by default', 0, '1.1.1.1', '10.0.0.1'],
  ['takes what the one proxy saw', 1, '1.1.1.1', '1.1.1.1'],
  ['ignores what the client wrote itself', 1, '6.6.6.6, 1.1.1.1', '1.1.1.1'],
  ['looks past two proxies', 2, '6.6.6.6, 1.1.1.1, 10.0.0.2', '1.1.1.1'],
  ['leaves out the port that a proxy adds', 1, '1.1.1.1:40001', '1.1.1.1'],
  ['leaves it out of IPv6 too', 1, '[2001:DB8::1]:40001', '2001:db8::1'],
  ['leaves out the zone', 1, 'fe80::1%eth0', 'fe80::1'],
  ['takes IPv4 in IPv6 for IPv4', 1, '::ffff:1.1.1.1', '1.1.1.1'],
  ['falls back on the connection where it is no address', 1, 'unknown', '10.0.0.1'],
  ['falls back on the connection', 1, undefined, '10.0.0.1'],
  ['falls back when the list is too short', 3, '1.1.1.1', '10.0.0.1'],
])('%s', (_name, proxies, forwarded, expected) => {
  expect(createClientAddress(proxies)(incoming(forwarded))).toBe(expected);
});
