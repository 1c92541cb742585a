import type { LedgerEvent } from '@micropay/ledger-core';
import { accountsOf, pathsOf } from './event-accounts.js';

/** What an endpoint wants to receive, and in which order. */
export interface EndpointFilter {
  readonly id: string;
  readonly eventTypes: readonly string[] | null;
  readonly accountPath: string | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>> | null;
  readonly ordered: 'account' | 'none';
}

/** Finds the endpoints that want an event, without looking at those of other accounts. */
export type MatchEndpoints = (event: LedgerEvent) => readonly EndpointFilter[];

export function createMatchEndpoints(filters: readonly EndpointFilter[]): MatchEndpoints {
  const types = new Map(filters.map(({ id, eventTypes }) => [id, eventTypes && new Set(eventTypes)]));
  const byPath = new Map<string | null, EndpointFilter[]>();
  for (const filter of filters) {
    const same = byPath.get(filter.accountPath);
    if (same === undefined) byPath.set(filter.accountPath, [filter]);
    else same.push(filter);
  }

  return (event) => {
    const paths = new Set<string | null>([null, ...accountsOf(event).flatMap(pathsOf)]);
    return [...paths]
      .flatMap((path) => byPath.get(path) ?? [])
      .filter(({ id, metadata }) => (types.get(id)?.has(event.type) ?? true) && hasMetadata(event, metadata));
  };
}

function hasMetadata({ data }: LedgerEvent, wanted: EndpointFilter['metadata']): boolean {
  if (wanted === null) return true;
  const { metadata } = data as { readonly metadata?: unknown };
  if (typeof metadata !== 'object' || metadata === null) return false;
  return Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(metadata, name) && (metadata as Record<string, unknown>)[name] === value,
  );
}
