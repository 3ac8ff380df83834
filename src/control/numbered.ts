/** Where someone who reads page by page has come to: two numbers, so whoever reads slowly costs nothing. */
export interface Cursor {
  /** What has a number up to this was listed. */
  readonly after: number;
  /** What has a greater number came after the beginning. */
  readonly until: number;
}

/** What is asked of a view that is read page by page. */
export interface PageRequest {
  /** So many at most. */
  readonly top: number;
  /** Where to go on; undefined: at the beginning. */
  readonly cursor?: Cursor | undefined;
}

/** Some of the things, in the order in which they came. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Where to go on; undefined when that was all. */
  readonly next: Cursor | undefined;
}

/** Removing moves so many neighbours at most, however many things there are. */
const SHELF = 256;

/** Things that came one after the other, side by side with their numbers. */
interface Shelf<T> {
  readonly numbers: number[];
  readonly items: T[];
}

/**
 * Things that come and go, numbered as they come, and listed page by page while they do: what was there at the beginning
 * and still is when it is reached is listed exactly once, nothing twice, nothing that came later. Readers leave no trace
 * here, so any number of them may stop anywhere (seed 004 asks for that of connections; it keeps iterators instead).
 * Adding is O(1); removing and going on are a binary search.
 */
export class Numbered<T> {
  readonly #shelves: Shelf<T>[] = [];
  #last = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number it has from now on; numbers only rise. */
  add(item: T): number {
    this.#last += 1;
    this.#size += 1;
    let shelf = this.#shelves.at(-1);
    if (shelf === undefined || shelf.numbers.length >= SHELF) {
      shelf = { numbers: [], items: [] };
      this.#shelves.push(shelf);
    }
    shelf.numbers.push(this.#last);
    shelf.items.push(item);
    return this.#last;
  }

  /** False when it is gone already. */
  remove(number: number): boolean {
    const at = this.#shelfOf(number);
    const shelf = this.#shelves[at];
    if (shelf === undefined) return false;
    const index = firstFrom(shelf.numbers, number);
    if (shelf.numbers[index] !== number) return false;
    shelf.numbers.splice(index, 1);
    shelf.items.splice(index, 1);
    if (shelf.numbers.length === 0) this.#shelves.splice(at, 1);
    this.#size -= 1;
    return true;
  }

  /** The beginning of a listing. */
  begin(): Cursor {
    return { after: 0, until: this.#last };
  }

  /** All that a cursor has yet to list, `most` of those that are wanted at a time; it looks at 8 × `most` at most. */
  page({ after, until }: Cursor, most: number, wanted: (item: T) => boolean = () => true): Page<T> {
    const items: T[] = [];
    let left = most * 8;
    let at = this.#shelfOf(after + 1);
    let reached = after;
    for (let shelf = this.#shelves[at]; shelf !== undefined; shelf = this.#shelves[++at]) {
      for (let index = firstFrom(shelf.numbers, after + 1); index < shelf.numbers.length; index++) {
        const number = shelf.numbers[index] ?? Number.POSITIVE_INFINITY;
        if (number > until) return { items, next: undefined };
        if (items.length === most || left === 0) return { items, next: { after: reached, until } };
        const item = shelf.items[index] as T;
        if (wanted(item)) items.push(item);
        reached = number;
        left -= 1;
      }
    }
    return { items, next: undefined };
  }

  /** All of them, for a look that ends before anything changes. */
  *[Symbol.iterator](): Generator<T> {
    for (const { items } of this.#shelves) yield* items;
  }

  /** The first shelf that may hold this number or a greater one. */
  #shelfOf(number: number): number {
    let low = 0;
    let high = this.#shelves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#shelves[middle]?.numbers.at(-1) ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Index of the first that is not smaller. */
function firstFrom(numbers: readonly number[], number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
