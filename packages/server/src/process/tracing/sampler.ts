import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { type HeadSampling, isChosen } from '../../http/serving/request-span.js';
import type { TracingSettings } from './tracing-settings.js';

type Sampling = Pick<TracingSettings, 'sampler' | 'ratio'>;

/** The SDK's sampler by its name. It takes every span that the server has chosen already by the same share. */
export function createSampler(sampling: Sampling): Sampler {
  const byName = samplerOf(sampling);
  return {
    shouldSample: (context, ...others) =>
      isChosen(context) ? { decision: SamplingDecision.RECORD_AND_SAMPLED } : byName.shouldSample(context, ...others),
    toString: () => byName.toString(),
  };
}

function samplerOf({ sampler, ratio }: Sampling): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}

/**
 * What the server can decide by itself, before there is a span. Undefined for a ratio without parents: it judges each span of a trace once
 * more by the id of the trace, so a root that was chosen otherwise would lose what is below it.
 */
export function headSamplingOf({ sampler, ratio }: Sampling): HeadSampling | undefined {
  if (sampler === 'traceidratio') return undefined;
  const followsCaller = sampler.startsWith('parentbased');
  if (sampler.endsWith('always_on')) return { rootShare: 1, followsCaller };
  return { rootShare: sampler.endsWith('always_off') ? 0 : ratio, followsCaller };
}
