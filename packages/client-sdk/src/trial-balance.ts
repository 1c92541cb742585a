import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { withAmounts } from './result.js';
import type { CallOptions } from './transport.js';
import type { AsOf } from './wallets.js';

type TrialBalanceJson = components['schemas']['TrialBalance'];

type Sides<Line> = Readonly<Omit<Line, 'debits' | 'credits'>> & { readonly debits: bigint; readonly credits: bigint };

/** Debits and credits in whole minor units. */
export interface TrialBalance {
  readonly lines: readonly Sides<TrialBalanceJson['lines'][number]>[];
  readonly totals: readonly Sides<TrialBalanceJson['totals'][number]>[];
  readonly balanced: boolean;
}

export async function readTrialBalance(
  { routes, send }: Api,
  { signal, ...query }: CallOptions & Partial<AsOf> = {},
): Promise<TrialBalance> {
  const fetch = send({ signal, repeatable: true });
  return bodyOf(routes.GET('/v1/trial-balance', { params: { query }, fetch }), ({ lines, totals, balanced }) => ({
    lines: lines.map(parseSides),
    totals: totals.map(parseSides),
    balanced,
  }));
}

function parseSides<Line extends { debits: string; credits: string }>(line: Line): Sides<Line> {
  return withAmounts(line, 'debits', 'credits') as Sides<Line>;
}
