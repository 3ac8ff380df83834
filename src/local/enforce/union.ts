import { sameMembers } from './shape.ts';

/**
 * Sets as one: what a gate of many owners holds. The sets must stay as they are. A union of fifty owners' remotes is not made anew when
 * one of them changes: the next union has the other forty-nine in common with it, and {@link lacking} leaves those out.
 */
export class Union implements ReadonlySet<string> {
  /** Those that hold anything. */
  readonly parts: ReadonlySet<ReadonlySet<string>>;
  /** All elements once. Made when they are counted, or gone through, or asked for more often than making it costs. */
  #whole: ReadonlySet<string> | undefined;

  constructor(parts: Iterable<ReadonlySet<string>>) {
    const some = new Set<ReadonlySet<string>>();
    for (const part of parts) if (part.size > 0) some.add(part);
    this.parts = some;
  }

  has(element: string): boolean {
    if (this.#whole !== undefined) return this.#whole.has(element);
    for (const part of this.parts) if (part.has(element)) return true;
    return false;
  }

  /** True if it holds nothing: known without looking at all. */
  get isEmpty(): boolean {
    return this.parts.size === 0;
  }

  /** Gets ready to be asked so many times: a question costs a look into every part, and making one set of them a look at all elements. */
  expect(questions: number): this {
    if (questions * (this.parts.size - 1) > sum(this.parts)) this.#all();
    return this;
  }

  get size(): number {
    return this.#all().size;
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.#all().values();
  }

  values(): SetIterator<string> {
    return this.#all().values();
  }

  keys(): SetIterator<string> {
    return this.#all().keys();
  }

  entries(): SetIterator<[string, string]> {
    return this.#all().entries();
  }

  forEach(each: (one: string, same: string, set: ReadonlySet<string>) => void, self?: unknown): void {
    for (const one of this.#all()) each.call(self, one, one, this);
  }

  union<U>(other: ReadonlySetLike<U>): Set<string | U> {
    return this.#all().union(other);
  }

  intersection<U>(other: ReadonlySetLike<U>): Set<string & U> {
    return this.#all().intersection(other);
  }

  difference<U>(other: ReadonlySetLike<U>): Set<string> {
    return this.#all().difference(other);
  }

  symmetricDifference<U>(other: ReadonlySetLike<U>): Set<string | U> {
    return this.#all().symmetricDifference(other);
  }

  isSubsetOf(other: ReadonlySetLike<unknown>): boolean {
    return this.#all().isSubsetOf(other);
  }

  isSupersetOf(other: ReadonlySetLike<unknown>): boolean {
    return this.#all().isSupersetOf(other);
  }

  isDisjointFrom(other: ReadonlySetLike<unknown>): boolean {
    return this.#all().isDisjointFrom(other);
  }

  #all(): ReadonlySet<string> {
    if (this.#whole !== undefined) return this.#whole;
    const whole = new Set<string>();
    for (const part of this.parts) for (const element of part) whole.add(element);
    this.#whole = whole;
    return whole;
  }
}

/** The union of these, or `known` if that is one of the same sets: what did not change stays the same object. */
export function unionOf(sets: Iterable<ReadonlySet<string>>, known?: ReadonlySet<string>): Union {
  const union = new Union(sets);
  return known instanceof Union && sameMembers(known.parts, union.parts) ? known : union;
}

const NOTHING: ReadonlySet<string> = new Set();

/**
 * The elements that `a` has and `b` lacks. Of unions only parts are looked at that are not in both; whatever the parts are, it
 * costs no more than looking at all elements a few times.
 */
export function lacking(a: ReadonlySet<string>, b: ReadonlySet<string> = NOTHING): ReadonlySet<string> {
  if (a === b) return NOTHING;
  const [ofA, ofB] = [partsOf(a), partsOf(b)];
  const changed = [...ofA].filter((part) => !ofB.has(part));
  if (changed.length === 0) return NOTHING;
  // What left one part is in the one that took its place, as a rule.
  const instead = new Union([...ofB].filter((part) => !ofA.has(part))).expect(sum(changed));
  const found = new Set<string>();
  for (const part of changed) for (const element of part) if (!instead.has(element)) found.add(element);
  const rest = b instanceof Union ? b.expect(found.size) : b;
  for (const element of found) if (rest.has(element)) found.delete(element);
  return found;
}

function partsOf(set: ReadonlySet<string>): ReadonlySet<ReadonlySet<string>> {
  return set instanceof Union ? set.parts : new Set([set]);
}

function sum(parts: Iterable<ReadonlySet<string>>): number {
  let size = 0;
  for (const part of parts) size += part.size;
  return size;
}
