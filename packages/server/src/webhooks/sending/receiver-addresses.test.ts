import { expect, it } from 'vitest';
import { createReceiverAddresses } from './receiver-addresses.js';

/** The host of a URL as the sender sees it, whatever its notation. */
const hostOf = (url: string) => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');

it.each([
  'http://127.0.0.1/',
  'http://127.1/',
  'http://2130706433/',
  'http://0x7f000001/',
  'http://0x7f.0.0.1/',
  'http://0177.0.0.1/',
  'http://017700000001/',
  'http://127.0.0.1./',
  'http://１２７.0.0.1/',
  'http://0/',
  'http://0.0.0.0/',
  'http://10.1.2.3/',
  'http://100.64.0.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://172.31.255.255/',
  'http://192.0.0.170/',
  'http://192.0.2.1/',
  'http://192.168.1.1/',
  'http://198.18.0.1/',
  'http://198.51.100.7/',
  'http://203.0.113.9/',
  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://[::]/',
  'http://[::1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::127.0.0.1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:169.254.169.254]/',
  'http://[0:0:0:0:0:ffff:a00:1]/',
  'http://[64:ff9b::10.0.0.1]/',
  'http://[64:ff9b:1::10.0.0.1]/',
  'http://[100::1]/',
  'http://[2001::1]/',
  'http://[2001:db8::1]/',
  'http://[2002:7f00:1::]/',
  'http://[3fff::1]/',
  'http://[5f00::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://[ff02::1]/',
])('refuses to dial %s, which is not public', (url) => {
  expect(createReceiverAddresses([]).mayDial(hostOf(url))).toBe(false);
});

it.each(['http://1.1.1.1/', 'http://[2606:4700:4700::1111]/', 'http://[::ffff:1.1.1.1]/', 'http://172.32.0.1/'])(
  'dials %s, which is public',
  (url) => {
    expect(createReceiverAddresses([]).mayDial(hostOf(url))).toBe(true);
  },
);

it('dials private networks that the operator of the server has allowed, and no others', () => {
  const addresses = createReceiverAddresses(['10.1.0.0/16', 'fd12::/16']);
  expect(['10.1.2.3', '::ffff:10.1.2.3', 'fd12::7'].map(addresses.mayDial)).toEqual([true, true, true]);
  expect(['10.2.0.1', '127.0.0.1', 'fd13::7', 'localhost', ''].map(addresses.mayDial)).not.toContain(true);
});
