import { BlockList, isIP, isIPv6 } from 'node:net';
import { isWithin, networksOf } from '../../identity/networks.js';

/**
 * IPv4 networks that are not the public Internet: the IANA special-purpose registry, multicast and what is reserved. The
 * metadata services of clouds are in 169.254.0.0/16.
 */
const NOT_PUBLIC_V4 = networksOf([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]);

/** All that IANA gives out to be routed. Outside it are loopback, link-local, unique local, NAT64 and mapped IPv4 addresses. */
const GLOBAL_V6 = networksOf(['2000::/3']);
/** Protocol assignments with Teredo, documentation, and 6to4, which carries any IPv4 address. */
const NOT_PUBLIC_V6 = networksOf(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/** Which addresses webhooks may be sent to. */
export interface ReceiverAddresses {
  /** Whether a connection to this IP address is allowed. */
  mayDial(address: string): boolean;
  /** Whether the operator of this server has allowed the address, so that plain HTTP to it is allowed too. */
  isAllowedPrivate(address: string): boolean;
  /** True if some network beside the public Internet is allowed. */
  readonly hasPrivate: boolean;
}

/** @param allowedNetworks CIDR blocks that are allowed beside the public Internet */
export function createReceiverAddresses(allowedNetworks: readonly string[]): ReceiverAddresses {
  const allowed = networksOf(allowedNetworks);
  const isAllowedPrivate = (address: string) => isWithin(allowed, unmapped(address));
  return {
    mayDial: (address) => isAllowedPrivate(address) || isPublic(unmapped(address)),
    isAllowedPrivate,
    hasPrivate: allowedNetworks.length > 0,
  };
}

function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !isWithin(NOT_PUBLIC_V4, address);
    case 6:
      return isWithin(GLOBAL_V6, address) && !isWithin(NOT_PUBLIC_V6, address);
    default:
      return false;
  }
}

const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/** The IPv4 address in an IPv4-mapped IPv6 address, which the kernel dials as IPv4; any other address as it is. */
function unmapped(address: string): string {
  if (!isIPv6(address) || !MAPPED.check(address, 'ipv6')) return address;
  // The URL parser writes every notation in one form, which ends in two groups of hexadecimal digits.
  const [high = 0, low = 0] = new URL(`http://[${address}]`).hostname
    .slice(1, -1)
    .split(':')
    .slice(-2)
    .map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
