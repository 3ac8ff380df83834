import type { Child, Elsewhere, Exec, Finished, OpenOptions, RunOptions } from '../exec.ts';

/** The kernel's news of a change may come after the command that made it has ended: so many of those are remembered. */
const REMEMBERED = 64;

/** Commands as another `Exec` runs them, whose process ids are remembered: by them our own changes are known. */
export class OwnChildren implements Exec {
  readonly #exec: Exec;
  readonly #open = new Set<number>();
  readonly #ran = new Set<number>();

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  get elsewhere(): Elsewhere | undefined {
    return this.#exec.elsewhere;
  }

  /** True for a command that runs, or that was one of the last. */
  has(pid: number): boolean {
    return this.#open.has(pid) || this.#ran.has(pid);
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const onPid = (pid: number): void => {
      this.#remember(pid);
      options.onPid?.(pid);
    };
    return this.#exec.run(argv, { ...options, onPid });
  }

  open(argv: readonly string[], signal: AbortSignal, options?: OpenOptions): Child {
    const child = this.#exec.open(argv, signal, options);
    const { pid } = child;
    if (pid !== undefined) {
      this.#open.add(pid);
      void child.exited.then(() => {
        this.#open.delete(pid);
        this.#remember(pid);
      });
    }
    return child;
  }

  #remember(pid: number): void {
    this.#ran.delete(pid);
    this.#ran.add(pid);
    const [oldest] = this.#ran;
    if (this.#ran.size > REMEMBERED && oldest !== undefined) this.#ran.delete(oldest);
  }
}
