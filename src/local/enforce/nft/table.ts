import { Union } from '../union.ts';

/** A kernel set or map: what it is, and what it should hold, in parts that change by themselves. */
export interface SetPlan {
  /** `set` or `map`, as the commands that make and delete it call it. */
  readonly kind: 'set' | 'map';
  /** What stands between its braces, for example `type ipv4_addr;`. */
  readonly declared: string;
  /** No element is in two parts. Elements of a map are whole, with their verdict. */
  readonly parts: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface ChainPlan {
  /** Where the chain is called by the kernel; undefined for chains that are called by others. */
  readonly hook: string | undefined;
  readonly rules: readonly string[];
}

/** A table as the kernel should hold it. Counting sets are in it without elements. */
export interface Table {
  readonly sets: ReadonlyMap<string, SetPlan>;
  readonly chains: ReadonlyMap<string, ChainPlan>;
}

/** Every element of a set. */
export function* elementsOf(set: SetPlan): Generator<string> {
  for (const part of set.parts.values()) yield* part;
}

/** Known without looking at all of a large set. */
export function isEmpty(set: SetPlan): boolean {
  return set.parts.values().every((part) => (part instanceof Union ? part.isEmpty : part.size === 0));
}

export function sizeOf(set: SetPlan): number {
  return set.parts.values().reduce((sum, part) => sum + part.size, 0);
}

/** The number of elements of all sets. */
export function elementsIn(table: Table): number {
  return table.sets.values().reduce((sum, set) => sum + sizeOf(set), 0);
}
