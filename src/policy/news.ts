/**
 * What has changed since somebody last looked, by key. Bounded: of more than `cap` changes it is only known that there were
 * too many, and who looks has to look at everything.
 */
export class News<K> {
  readonly #cap: number;
  #changed = new Set<K>();
  #tooMany = false;

  constructor(cap = 10_000) {
    this.#cap = cap;
  }

  add(key: K): void {
    if (this.#tooMany) return;
    this.#changed.add(key);
    if (this.#changed.size <= this.#cap) return;
    this.#tooMany = true;
    this.#changed = new Set();
  }

  /** The keys since the last call; undefined when there were too many. */
  take(): ReadonlySet<K> | undefined {
    const changed = this.#tooMany ? undefined : this.#changed;
    this.#tooMany = false;
    if (changed === undefined || changed.size > 0) this.#changed = new Set();
    return changed;
  }
}
