import type { MetricObjectWithValues, MetricValue } from 'prom-client';

/** The metrics of a process, in the form in which they can be added up. */
export type ProcessMetrics = readonly MetricObjectWithValues<MetricValue<string>>[];

/** What `micropay serve` prints once it serves, for people and for programs. */
export interface Greeting {
  readonly text: string;
  readonly value: { readonly url: string; readonly newOperatorKey: string | undefined };
}

export type WorkerMessage =
  | { readonly kind: 'listening'; readonly greeting: Greeting }
  /** The start failed for a reason that may pass. */
  | { readonly kind: 'unavailable' }
  /** Asks for the metrics of all workers. */
  | { readonly kind: 'scrape'; readonly scrape: number }
  | { readonly kind: 'metrics'; readonly metrics: ProcessMetrics };

export type PrimaryMessage =
  | { readonly kind: 'read metrics' }
  | { readonly kind: 'scraped'; readonly scrape: number; readonly text: string };
