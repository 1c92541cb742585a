import type { Ledger } from '@micropay/ledger-core';

/** The digits after the point of each currency, which are fixed at its first use. */
export interface Scales {
  of(currency: string): Promise<number>;
}

export function createScales({ currencies }: Pick<Ledger, 'currencies'>): Scales {
  /** One entry a currency that the ledger has used. */
  const known = new Map<string, number>();
  return {
    async of(currency) {
      const scale = known.get(currency) ?? (await currencies.get(currency)).scale;
      known.set(currency, scale);
      return scale;
    },
  };
}
