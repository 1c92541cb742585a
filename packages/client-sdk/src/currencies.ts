import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { CallOptions } from './transport.js';

/** A currency of ISO 4217 or an asset of the ledger; `scale` is the number of digits after the decimal point. */
export type Currency = Readonly<components['schemas']['Currency']>;

export interface Currencies {
  /** @throws {MicroPayError} `unknown_currency` */
  get(code: string, options?: CallOptions): Promise<Currency>;
  /**
   * Operators only: registers your own asset. Its scale cannot be changed later.
   *
   * @throws {MicroPayError} `unknown_currency` for a malformed code, `currency_scale_fixed` if the ledger has it with another scale
   */
  register(currency: Currency, options?: CallOptions): Promise<Currency>;
}

export function createCurrencies({ routes, send }: Api): Currencies {
  return {
    async get(code, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.GET('/v1/currencies/{code}', { params: { path: { code } }, fetch }));
    },
    async register(body, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.POST('/v1/currencies', { body, fetch }));
    },
  };
}
