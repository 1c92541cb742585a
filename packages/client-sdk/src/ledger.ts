import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { CallOptions } from './transport.js';

/** The ledger of the server, and the IANA time zone in which days of statements and past balances begin and end. */
export type LedgerInfo = Readonly<components['schemas']['Ledger']>;

export interface Ledger {
  get(options?: CallOptions): Promise<LedgerInfo>;
  /**
   * Operators only. Recorded data does not change; from now on, days are those of the new time zone.
   *
   * @throws {MicroPayError} `invalid_request` unless it is the name of an IANA zone, such as `Europe/Berlin`
   */
  setTimeZone(timeZone: string, options?: CallOptions): Promise<LedgerInfo>;
}

export function createLedger({ routes, send }: Api): Ledger {
  return {
    get: async (options) => bodyOf(routes.GET('/v1/ledger', { fetch: send({ ...options, repeatable: true }) })),
    async setTimeZone(timeZone, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.POST('/v1/ledger/time-zone', { body: { timeZone }, fetch }));
    },
  };
}
