import type { Child, Exec, Finished, OpenOptions, RunOptions } from '../../src/local/exec.ts';

/**
 * Runs tools as they are, or something else in the place of those that are broken: a shell script that gets the command
 * as its arguments. Real processes with real pipes, but with a deadline of 1 s at most.
 */
export class BrokenTools implements Exec {
  readonly #exec: Exec;
  readonly #children = new Set<Child>();
  #script: string | undefined;
  #which: RegExp = /^/;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /** From now on; what runs already of the tools that break dies. Undefined: they work again. */
  behave(script: string | undefined, which = /^/): void {
    this.#script = script;
    this.#which = which;
    if (script === undefined) return;
    for (const child of this.#children) child.kill();
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    if (this.#script === undefined) return this.#exec.run(argv, options);
    return this.#exec.run(this.#instead(argv), {
      ...options,
      timeoutMs: Math.min(options.timeoutMs ?? 1_000, 1_000),
    });
  }

  open(argv: readonly string[], signal: AbortSignal, options?: OpenOptions): Child {
    const child = this.#exec.open(this.#instead(argv), signal, options);
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }

  #instead(argv: readonly string[]): readonly string[] {
    if (this.#script === undefined || !this.#which.test(argv.join(' '))) return argv;
    return ['sh', '-c', this.#script, ...argv];
  }
}
