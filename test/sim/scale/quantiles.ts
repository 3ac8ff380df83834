/** What is told of many measurements of one thing. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** By nearest rank; undefined of nothing. */
export function quantiles(values: readonly number[]): Quantiles | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const [p50, p99, max] = [at(0.5), at(0.99), at(1)];
  if (p50 === undefined || p99 === undefined || max === undefined) return undefined;
  return { count: sorted.length, p50, p99, max };
}
