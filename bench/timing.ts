/** Timing what is synchronous. */

/** Milliseconds that a run takes, and what it returned. */
export function took<T>(run: () => T): { ms: number; value: T } {
  const begun = performance.now();
  const value = run();
  return { ms: performance.now() - begun, value };
}

/** A bench that measures something else than it says is worse than none. */
export function must<T>(got: T, want: T): void {
  if (got !== want) throw new RangeError(`the bench itself is wrong: ${got} instead of ${want}`);
}
