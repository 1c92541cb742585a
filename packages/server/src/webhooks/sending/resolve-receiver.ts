import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { ReceiverAddresses } from './receiver-addresses.js';

/** An IP address of a receiver. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Finds the addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

/** A receiver at an address that webhooks may not be sent to. */
export class ForbiddenAddressError extends Error {
  override readonly name = 'ForbiddenAddressError';
}

const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;
const ADDRESSES_MAX = 8;
/** By RFC 6761 these names are never asked of a name server. */
const LOOPBACK_NAME = /(?:^|\.)localhost\.?$/i;
const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/**
 * Asks the name servers: those of the system, unless others are given. `dns.lookup` would hold one of the process's few threads for as long as a name server hangs, and
 * passwords are hashed on them.
 */
export function createResolve(nameServers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  if (nameServers !== undefined) resolver.setServers(nameServers);
  return async (host) => {
    if (LOOPBACK_NAME.test(host)) return LOOPBACK;
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
    const of = (found: PromiseSettledResult<string[]>, family: number) =>
      found.status === 'rejected' ? [] : found.value.map((address) => ({ address, family }));
    return [...of(four, 4), ...of(six, 6)].slice(0, ADDRESSES_MAX);
  };
}

/**
 * The `lookup` of a connection: it hands on only addresses that were checked, and the connection dials these and does not ask
 * again. One forbidden address is enough to refuse the name.
 */
export function checkedLookup(resolve: Resolve, mayDial: ReceiverAddresses['mayDial']): LookupFunction {
  return (host, options, callback) => {
    resolve(host).then(
      (addresses) => {
        const forbidden = addresses.find(({ address }) => !mayDial(address));
        const [first] = addresses;
        if (forbidden !== undefined || first === undefined) callback(forbiddenAddress(), '', 0);
        else if (options.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}

export function isAllowedScheme(protocol: string): protocol is 'https:' | 'http:' {
  return protocol === 'https:' || protocol === 'http:';
}

/** An IP address in a URL is dialled without a lookup, so it is checked here. @throws {ForbiddenAddressError} */
export function refuseForbiddenLiteral({ hostname }: URL, mayDial: ReceiverAddresses['mayDial']): void {
  const host = literalOf(hostname);
  if (host !== undefined && !mayDial(host)) throw forbiddenAddress();
}

/** The IP address that a host of a URL is; undefined for a name. */
export function literalOf(hostname: string): string | undefined {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

function forbiddenAddress(): ForbiddenAddressError {
  return new ForbiddenAddressError('the address of the receiver is not public');
}
