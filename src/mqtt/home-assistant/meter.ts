/** Bytes of a device, up and down. */
export interface Amount {
  readonly up: number;
  readonly down: number;
}

/**
 * The bytes of one device over all routers as a number that only grows: Home Assistant takes a smaller one for a meter that
 * began anew and counts all of it again. Routers come and go, forget, and tell of each other to within 2 % only; so what
 * each of them adds is added, and what it takes back is not.
 */
export class Meter {
  readonly #last = new Map<string, Amount>();
  #told: Amount = { up: 0, down: 0 };
  #known = false;

  /** What was told of it before, by an earlier run or by another router. */
  atLeast(told: Amount): void {
    this.#told = { up: Math.max(this.#told.up, told.up), down: Math.max(this.#told.down, told.down) };
    this.#known = true;
  }

  /** Takes in what each router has counted; answers what to tell, undefined when nobody ever counted any. */
  read(counts: Iterable<readonly [router: string, amount: Amount]>): Amount | undefined {
    let { up, down } = this.#told;
    for (const [router, amount] of counts) {
      const before = this.#last.get(router);
      this.#last.set(router, amount);
      this.#known = true;
      if (before === undefined) continue;
      up += Math.max(0, amount.up - before.up);
      down += Math.max(0, amount.down - before.down);
    }
    const sum = this.#sum();
    this.#told = { up: Math.max(up, sum.up), down: Math.max(down, sum.down) };
    return this.#known ? this.#told : undefined;
  }

  /** All that was last heard, also of routers that cannot be reached now. */
  #sum(): Amount {
    let up = 0;
    let down = 0;
    for (const amount of this.#last.values()) {
      up += amount.up;
      down += amount.down;
    }
    return { up, down };
  }
}
