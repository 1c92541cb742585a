import { RETRY_AFTER_S } from './retry-schedule.js';

/** Bounds of what a process sends at once. */
export interface WebhookLimits {
  /** Endpoints that it sends to, none of which has been slow or failing. */
  readonly quickMax: number;
  /** An endpoint that has not answered for so long is slow: it is counted with those, and makes room for the next. */
  readonly quickMs: number;
  /** Endpoints that are slow or whose last attempt failed. Beyond it, the slowest attempts end; up to half of it may have failed before. */
  readonly slowMax: number;
  /** A slow attempt is given this time at least. With twice `slowMax` under way, no more endpoints are taken in hand meanwhile. */
  readonly slowMinMs: number;
  /** The time limit of an attempt, response included. */
  readonly attemptTimeoutMs: number;
  /** Requests to one endpoint at the same time. */
  readonly perEndpointMax: number;
  /** After so many failed attempts in a row, an endpoint is tried with one delivery at a time, and with pauses. */
  readonly failuresBeforePause: number;
  readonly pollMs: number;
  /** Seconds after each failed attempt; after the last one the endpoint is disabled. */
  readonly retryAfterS: readonly number[];
  /** Endpoints of a ledger. */
  readonly endpointsMax: number;
}

export const WEBHOOK_LIMITS: WebhookLimits = {
  quickMax: 256,
  quickMs: 250,
  slowMax: 512,
  slowMinMs: 3_000,
  attemptTimeoutMs: 15_000,
  perEndpointMax: 8,
  failuresBeforePause: 5,
  pollMs: 500,
  retryAfterS: RETRY_AFTER_S,
  endpointsMax: 10_000,
};
