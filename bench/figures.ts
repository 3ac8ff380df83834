/** What every bench does with what it measured: medians and percentiles, tables, targets, and a word on the machine. */
import { cpus, loadavg, release, totalmem } from 'node:os';

/** Many measurements of one thing, in its unit. */
export interface Figure {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A promise of the project's, beside what was measured. */
export interface Target {
  readonly what: string;
  readonly want: string;
  readonly got: string;
  /** null where what was measured does not tell. */
  readonly met: boolean | null;
}

/** What a bench found. `figures` is all of it for a program to read; the tables show the same to a person. */
export interface Findings {
  readonly figures: unknown;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gb: number;
  readonly kernel: string;
  readonly node: string;
}

/** Nearest-rank percentiles: with n below 100, p99 is the maximum. All zero when there is nothing. */
export function figure(values: readonly number[]): Figure {
  const sorted = values.toSorted((x, y) => x - y);
  return {
    n: sorted.length,
    p50: rank(sorted, 0.5),
    p99: rank(sorted, 0.99),
    max: round(sorted.at(-1) ?? 0),
  };
}

export const median = (values: readonly number[]): number => figure(values).p50;

const rank = (sorted: readonly number[], share: number) =>
  round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);

/** Three digits and more of what matters: 0.123, 12.3, 1234. */
export function round(value: number): number {
  const places = Math.abs(value) < 1 ? 1000 : Math.abs(value) < 100 ? 10 : 1;
  return Math.round(value * places) / places;
}

/** The cells of a {@link Figure}, as {@link FIGURE_COLUMNS} names them. */
export const cells = ({ p50, p99, max, n }: Figure): readonly number[] => [p50, p99, max, n];

export const FIGURE_COLUMNS = ['p50', 'p99', 'max', 'n'] as const;

/** A target that is a greatest value. */
export function atMost(what: string, got: number, limit: number, unit: string): Target {
  const suffix = unit === '' ? '' : ` ${unit}`;
  return { what, want: `≤ ${limit}${suffix}`, got: `${round(got)}${suffix}`, met: got <= limit };
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

/** The load averages of 1, 5 and 15 minutes (getloadavg(3)). */
export const load = (): number[] => loadavg().map((value) => Math.round(value * 100) / 100);

/** A table as Markdown, columns aligned, so that it can be pasted as it is. */
export function render({ title, columns, rows }: Table): string {
  const all = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, i) => Math.max(3, ...all.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => pad(cell, widths[i] ?? 0, i)).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? `${'-'.repeat(width + 2)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [title, '', line(columns), rule, ...all.slice(1).map(line)].join('\n');
}

const pad = (cell: string, width: number, column: number) =>
  column === 0 ? cell.padEnd(width) : cell.padStart(width);

/** The targets as a table. */
export function targetTable(targets: readonly Target[]): Table {
  return {
    title: 'Targets',
    columns: ['what', 'target', 'measured', 'met'],
    rows: targets.map(({ what, want, got, met }) => [
      what,
      want,
      got,
      met === null ? 'not to be told' : met ? 'yes' : 'NO',
    ]),
  };
}
