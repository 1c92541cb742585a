import type { Principal } from '../../identity/principal.js';
import { networkOf } from '../../throttling/network-of.js';
import {
  createRatePolicy,
  type RateLimitHeaders,
  type RatePolicy,
  rateLimitHeaders,
} from '../../throttling/rate-limit-headers.js';
import type { RateLimitSettings } from '../../throttling/rate-limit-settings.js';
import type { RateLimits } from '../../throttling/rate-limits.js';
import { type Endpoint, isProbe } from '../endpoint.js';

type RequestClass = 'read' | 'write';
type Caller = 'user' | 'key' | 'address';

/** The caller of a request, as far as it is known. */
export interface Sender {
  readonly principal: Principal | undefined;
  readonly clientAddress: string;
}

/** The rate limits of requests, by class of route. */
export interface RequestLimits {
  /** The limits of one route; undefined when nothing limits it. */
  of(endpoint: Endpoint): RouteLimits | undefined;
}

type Admitted = RateLimitHeaders | undefined;

/** A user counts in their own limit and in that of their network, an API key in its own, and a stranger in that of the network. */
export interface RouteLimits {
  /**
   * Returns the headers of the response.
   *
   * @throws {ProblemError} `rate_limited`
   */
  admit(sender: Sender): Admitted | Promise<Admitted>;
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
    /** The limits of a sender, of which the first is shown. */
    const limitsOf = ({ principal, clientAddress }: Sender): readonly NamedLimit[] => {
      if (principal?.kind === 'operator') return limit(key, principal.id);
      const ofNetwork = address === undefined ? [] : limit(address, networkOf(clientAddress));
      // A user beyond their own limit takes nothing from that of the network, which is others' too.
      return principal === undefined ? ofNetwork : [...limit(user, principal.id), ...ofNetwork];
    };
    return {
      admit: (sender) => admitBy(limitsOf(sender), 0),
      admitMore(sender, more) {
        for (const { policy, name } of limitsOf(sender)) limits.takeMore(policy, name, more);
      },
    };
  }

  /** One after the other: what the first refuses does not count in the next. Most need not wait, and cost no promise. */
  function admitBy(named: readonly NamedLimit[], place: number): Admitted | Promise<Admitted> {
    const one = named[place];
    if (one === undefined) return undefined;
    const goOn = (left: number) => {
      const others = admitBy(named, place + 1);
      if (place > 0) return others;
      const headers = rateLimitHeaders(one.policy, left);
      return others instanceof Promise ? others.then(() => headers) : headers;
    };
    const left = limits.take(one.policy, one.name);
    return typeof left === 'number' ? goOn(left) : left.then(goOn);
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

interface NamedLimit {
  readonly policy: RatePolicy;
  readonly name: string;
}

function limit(policy: RatePolicy | undefined, name: string): readonly NamedLimit[] {
  return policy === undefined ? [] : [{ policy, name }];
}

function policyOf(policy: string, perMinute: number): RatePolicy | undefined {
  return perMinute === 0 ? undefined : createRatePolicy(policy, perMinute);
}

/** What strangers try to sign in has limits of its own. */
function classOf(endpoint: Endpoint): RequestClass | undefined {
  const { method, access, refusals } = endpoint;
  if (isProbe(endpoint) || (access === 'anyone' && refusals.includes('rate_limited'))) return undefined;
  return method === 'get' ? 'read' : 'write';
}
