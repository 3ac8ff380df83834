import { Counter, Gauge, Registry } from 'prom-client';
import { type Definition, METRICS, type MetricName, type Sample } from './definitions.ts';

/** The content type of {@link metricsText}. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Values in the Prometheus text format 0.0.4; metrics without a value are left out. */
export async function metricsText(samples: readonly Sample[]): Promise<string> {
  const registry = new Registry();
  const byName = new Map<MetricName, Sample[]>();
  for (const sample of samples) byName.set(sample.name, [...(byName.get(sample.name) ?? []), sample]);
  for (const [name, of] of byName) {
    const { kind, help, labels }: Definition = METRICS[name];
    const options = {
      name: `hedgerow_${name}`,
      help,
      labelNames: [...labels],
      registers: [registry],
    };
    // The registry lives for one answer: a counter that is increased once has just this value.
    if (kind === 'counter') {
      const metric = new Counter(options);
      for (const sample of of) metric.inc(sample.labels ?? {}, Math.max(0, sample.value));
    } else {
      const metric = new Gauge(options);
      for (const sample of of) metric.set(sample.labels ?? {}, sample.value);
    }
  }
  return await registry.metrics();
}
