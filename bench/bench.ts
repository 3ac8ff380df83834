/** What a bench is. Its options are numbers, because all that can be chosen is how often and how much. */
import type { Findings } from './figures.ts';

export interface Option {
  readonly describe: string;
  readonly default: number;
}

export interface Context {
  /** Progress, a line each; never on stdout. */
  readonly tell: (line: string) => void;
  /** Aborts when a person stops the bench; what it had started is taken down. */
  readonly signal: AbortSignal;
}

export interface Bench<K extends string = string> {
  readonly name: string;
  /** One line for the list. */
  readonly describe: string;
  readonly options: Readonly<Record<K, Option>>;
  /** What `--quick` takes instead of the defaults. */
  readonly quick?: Readonly<Partial<Record<K, number>>>;
  run(options: Readonly<Record<K, number>>, context: Context): Promise<Findings>;
}
