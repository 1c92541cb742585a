import type { Principal } from '../../identity/principal.js';
import { networkOf } from '../../throttling/network-of.js';
import type { RateLimitHeaders, RatePolicy } from '../../throttling/rate-limit-headers.js';
import type { RateLimitSettings } from '../../throttling/rate-limit-settings.js';
import type { RateLimits } from '../../throttling/rate-limits.js';
import { type Endpoint, isProbe } from '../endpoint.js';

type RequestClass = 'read' | 'write';
type Caller = 'user' | 'key' | 'address';

/** Who sends a request, as far as it is known. */
export interface Sender {
  readonly principal: Principal | undefined;
  readonly clientAddress: string;
}

/** The rate limits of requests, by class of route. */
export interface RequestLimits {
  /** The limits of one route; undefined when nothing limits it. */
  of(endpoint: Endpoint): RouteLimits | undefined;
}

/** A user counts in their own limit and in that of their network, an API key in its own, and a stranger in that of the network. */
export interface RouteLimits {
  /** @throws {ProblemError} `rate_limited` */
  admit(sender: Sender): Promise<RateLimitHeaders | undefined>;
  /** Counts a request that was admitted for some more. */
  admitMore(sender: Sender, more: number): void;
}

export function createRequestLimits(limits: RateLimits, settings: RateLimitSettings): RequestLimits {
  const { userReads, userWrites, keyReads, keyWrites, addressReads, addressWrites } = settings;
  const policies: Record<RequestClass, Record<Caller, RatePolicy | undefined>> = {
    read: {
      user: policyOf('user-read', userReads),
      key: policyOf('key-read', keyReads),
      address: policyOf('address-read', addressReads),
    },
    write: {
      user: policyOf('user-write', userWrites),
      key: policyOf('key-write', keyWrites),
      address: policyOf('address-write', addressWrites),
    },
  };

  function routeLimits({ user, key, address }: Record<Caller, RatePolicy | undefined>): RouteLimits {
    const policiesOf = ({ principal, clientAddress }: Sender) => {
      if (principal?.kind === 'operator') return [{ policy: key, name: principal.id }];
      const network = { policy: address, name: address === undefined ? '' : networkOf(clientAddress) };
      // A user beyond their own limit takes nothing from that of the network, which is others' too.
      return principal === undefined ? [network] : [{ policy: user, name: principal.id }, network];
    };
    return {
      async admit(sender) {
        let headers: RateLimitHeaders | undefined;
        for (const { policy, name } of policiesOf(sender)) {
          if (policy === undefined) continue;
          const taken = limits.take(policy, name);
          const left = taken instanceof Promise ? await taken : taken;
          headers ??= left;
        }
        return headers;
      },
      admitMore(sender, more) {
        for (const { policy, name } of policiesOf(sender))
          if (policy !== undefined) limits.takeMore(policy, name, more);
      },
    };
  }

  const byClass = { read: routeLimits(policies.read), write: routeLimits(policies.write) };
  return {
    of(endpoint) {
      const found = classOf(endpoint);
      if (found === undefined || Object.values(policies[found]).every((policy) => policy === undefined))
        return undefined;
      return byClass[found];
    },
  };
}

function policyOf(policy: string, perMinute: number): RatePolicy | undefined {
  return perMinute === 0 ? undefined : { policy, perMinute };
}

/** What strangers try to sign in has limits of its own. */
function classOf(endpoint: Endpoint): RequestClass | undefined {
  const { method, access, refusals } = endpoint;
  if (isProbe(endpoint) || (access === 'anyone' && refusals.includes('rate_limited'))) return undefined;
  return method === 'get' ? 'read' : 'write';
}
