/** What can be told from few measurements that scatter: their middle, and between what it would be if they were made again. */
import { Random } from '../test/sim/random.ts';

/** A middle and its interval of 95 %. */
export interface Interval {
  readonly at: number;
  readonly low: number;
  readonly high: number;
}

/** Fewer measurements tell nothing about how they scatter. */
const FEWEST = 5;
/** Of so many, so many are outside at either end. */
const [DRAWN, OUTSIDE] = [2_000, 50];

/**
 * The bootstrap's percentiles (Efron, 1979): what would have been found, had each group been drawn from itself.
 * The same values always give the same interval; fewer than five give one without ends.
 * @param groups measurements of one thing each, none of them empty
 * @param of what is made of their middles
 */
export function interval(
  groups: readonly (readonly number[])[],
  of: (middles: readonly number[]) => number = ([only = 0]) => only,
): Interval {
  const at = of(groups.map(middle));
  if (groups.some(({ length }) => length < FEWEST)) return { at, low: -Infinity, high: Infinity };
  const random = new Random(1);
  const again = (group: readonly number[]) => group.map(() => group[random.below(group.length)] ?? 0);
  const drawn = Array.from({ length: DRAWN }, () => of(groups.map((group) => middle(again(group)))));
  drawn.sort((x, y) => x - y);
  return {
    at,
    low: drawn[OUTSIDE] ?? 0,
    high: drawn[DRAWN - 1 - OUTSIDE] ?? 0,
  };
}

/** The mean without the lowest and the highest quarter: a median that loses less. */
export function middle(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const left = Math.floor(sorted.length / 4);
  const kept = sorted.slice(left, sorted.length - left);
  return mean(kept);
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Whether all of these are within limits; null when some may be and may not. */
export function allWithin(
  all: readonly Interval[],
  limits: { readonly least?: number; readonly most?: number },
): boolean | null {
  const { least = -Infinity, most = Infinity } = limits;
  if (all.some(({ low, high }) => high < least || low > most)) return false;
  return all.every(({ low, high }) => low >= least && high <= most) || null;
}
