import { BlockList, isIP, isIPv6 } from 'node:net';

/** The networks of these CIDR blocks, such as `10.0.0.0/8`. */
export function networksOf(blocks: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/');
    networks.addSubnet(address, Number(prefix), familyOf(address));
  }
  return networks;
}

/** An address that is not known is in no network. */
export function isWithin(networks: BlockList, address: string): boolean {
  return isIP(address) !== 0 && networks.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
