/** Numbers by a count that goes up and down in steps of one, so that one with the greatest count is found at once. */
export class ByCount {
  /** By count: whoever has it. Nobody: no set. */
  readonly #having = new Map<number, Set<number>>();
  #greatest = 0;

  /** One with the greatest count; undefined when nobody has any. */
  get first(): number | undefined {
    return this.#having.get(this.#greatest)?.values().next().value;
  }

  /** Moves a number from one count to another; from 0 it comes, and at 0 it is gone. */
  move(number: number, from: number, to: number): void {
    const before = this.#having.get(from);
    before?.delete(number);
    if (before?.size === 0) this.#having.delete(from);
    if (to > 0) this.#having.set(to, (this.#having.get(to) ?? new Set()).add(number));
    this.#greatest = Math.max(this.#greatest, to);
    while (this.#greatest > 0 && !this.#having.has(this.#greatest)) this.#greatest -= 1;
  }
}
