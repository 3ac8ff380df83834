import type { Quantiles } from '../../test/sim/scale/quantiles.ts';

/** Rows of cells under each other, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`;
  return all.map(line).join('\n');
}

/** Median, 99th percentile and maximum in milliseconds. */
export function spread(values: Quantiles | undefined): string {
  if (values === undefined) return '-';
  return [values.p50, values.p99, values.max].map((ms) => ms.toFixed(0)).join(' / ');
}

/** Bytes, for people. */
export function size(bytes: number): string {
  if (Math.abs(bytes) < 10_000) return `${bytes.toFixed(0)} B`;
  if (Math.abs(bytes) < 10_000_000) return `${(bytes / 1_000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
