import type { Logger } from 'pino';
import type { Tracing } from './open-telemetry.js';
import type { TracingSettings } from './tracing-settings.js';

const OFF: Tracing = { sampling: undefined, close: async () => undefined };

/** Loads OpenTelemetry's SDK only where spans go somewhere: it takes memory, and time at the start. */
export async function startTracing(settings: TracingSettings | undefined, log: Logger): Promise<Tracing> {
  if (settings === undefined) return OFF;
  const { registerOpenTelemetry } = await import('./open-telemetry.js');
  return registerOpenTelemetry(settings, log);
}
