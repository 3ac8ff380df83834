import type { Clock } from '../../clock.ts';
import { bounded } from './bounded.ts';

/** Tells whether rules of ours are in force, whoever of us has put them there. Throws where the kernel cannot be asked. */
export type AreRulesAtWork = (signal: AbortSignal) => Promise<boolean>;

const TIMEOUT_MS = 30_000;

/** What is in force while the kernel has acknowledged nothing to this life of the agent: rules outlive it. */
export class Standing {
  readonly #ask: AreRulesAtWork | undefined;
  readonly #clock: Clock;
  #known: boolean | undefined;
  #asking: Promise<void> | undefined;
  #moved = 0;

  constructor(ask: AreRulesAtWork | undefined, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** Undefined as long as nobody can tell. */
  get known(): boolean | undefined {
    return this.#known;
  }

  /** Nothing of ours is there any more. */
  nothing(): void {
    this.#moved += 1;
    this.#known = false;
  }

  /** Something went wrong: what was known is in doubt. */
  doubt(signal: AbortSignal): void {
    this.#moved += 1;
    this.#known = undefined;
    this.look(signal);
  }

  /** Has the kernel asked, beside all else: a tool that hangs holds nothing up. */
  look(signal: AbortSignal): void {
    if (this.#ask !== undefined) this.#asking ??= this.#look(this.#ask, signal);
  }

  /** Resolves when nobody is being asked. */
  async settled(): Promise<void> {
    await this.#asking;
  }

  async #look(ask: AreRulesAtWork, signal: AbortSignal): Promise<void> {
    const moved = this.#moved;
    const found = await bounded({ clock: this.#clock, ms: TIMEOUT_MS, signal }, ask).catch(() => undefined);
    this.#asking = undefined;
    if (moved === this.#moved) this.#known = found;
    // What was found is of before.
    else if (this.#known === undefined && !signal.aborted) this.look(signal);
  }
}
