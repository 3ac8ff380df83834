import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { BlockSet } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import type { Backend, Described, Outcome } from './backend.ts';
import { diff, type Step } from './plan.ts';
import { removeAllRemains } from './remains.ts';
import { compile, emptyRulebook, type Rulebook } from './rulebook.ts';
import { assignSlots, createSlotMemory } from './slots.ts';

/**
 * Says what the ipset backend would do, from a kernel that holds nothing of ours, and does nothing: because a person wants it so,
 * or because nothing else works here, for the reason that is given.
 */
export class DryRunBackend implements Backend {
  readonly name = 'dry-run';
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #wan: readonly string[];
  readonly #observing: string | undefined;
  readonly #slots = createSlotMemory();
  #shown: Rulebook = emptyRulebook;
  #steps: readonly Step[] = [];
  readonly #exec: Exec | undefined;
  #own: BlockSet['own'];

  /** With `exec`, what an earlier run of the agent has put in force can be cleared. */
  constructor(options: { clock: Clock; log: Log; wan: readonly string[]; observing?: string; exec?: Exec }) {
    this.#exec = options.exec;
    this.#observing = options.observing;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#wan = options.wan;
  }

  /** What the last `set` would have done. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  describe(): Described {
    return this.#observing === undefined
      ? { name: 'dry-run', detail: 'enforce.backend is dry-run' }
      : { name: 'observer', detail: `only observing: ${this.#observing}` };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const begun = this.#clock.monotonic();
    const slots = assignSlots(this.#slots.load(), want.owners.keys());
    this.#slots.save(slots);
    const rulebook = compile(want, slots, { wan: this.#wan, last: this.#shown });
    const { steps, reached, elements, rules } = diff(this.#shown, rulebook);
    this.#shown = reached;
    this.#steps = steps;
    for (const step of steps) {
      const lines = step.kind === 'sets' ? step.lines : [...step.texts.values()];
      this.#log.debug({ [step.kind]: lines }, 'would run');
    }
    if (want.own !== this.#own && want.own !== undefined) {
      const blocked = [...want.own.remotes.keys(), ...want.own.networks.keys()];
      const internet = want.own.internet !== undefined;
      this.#log.debug({ blocked, internet }, 'would block for the router itself');
    }
    this.#own = want.own;
    if (this.#observing === undefined)
      this.#log.info({ steps: steps.length, elements, rules }, 'dry run: nothing was changed');
    const did = steps.length === 0 ? 'unchanged' : 'update';
    return { did, elements, rules, ms: this.#clock.monotonic() - begun };
  }

  async check(): Promise<readonly never[]> {
    return [];
  }

  async counters(): Promise<readonly never[]> {
    return [];
  }

  /** A person wants nothing of ours in the kernel: what an earlier run has left there blocks on until it goes. */
  async clear(signal: AbortSignal): Promise<void> {
    if (this.#exec !== undefined) await removeAllRemains(this.#exec, signal);
    this.#shown = emptyRulebook;
    this.#slots.save(new Map());
  }

  plan(): undefined {
    return undefined;
  }

  async stop(): Promise<void> {}
}
