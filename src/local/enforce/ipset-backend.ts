import type { Clock } from '../../clock.ts';
import { ConfigError, messageOf, TemporaryError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { BlockSet } from '../../policy/block-set.ts';
import type { Exec } from '../exec.ts';
import { type Backend, type Counter, type Drift, INTERFACE, type Outcome, type Planned } from './backend.ts';
import { ConntrackCut } from './conntrack-cut.ts';
import { CounterBook, parseRuleCounts } from './counters.ts';
import { driftOf, elementDriftOf, thoroughEvery } from './drift.ts';
import { NFT_MONITOR, type Told, XTABLES_MONITOR } from './drift-watch.ts';
import { isRead } from './exceptions.ts';
import { listElements, listSets, listSizes, restoreSets, saveSets } from './ipset.ts';
import { ipsetSession } from './ipset-session.ts';
import type { Iptables } from './iptables.ts';
import { IptablesSession } from './iptables-session.ts';
import { type Change, diff, type Step } from './plan.ts';
import { type Look, madeOtherwise, narrow, removal, widen } from './resync.ts';
import { compile, type Rulebook } from './rulebook.ts';
import { assignSlots, type SlotMemory } from './slots.ts';
import { withSpares } from './spares.ts';
import type { ToolSession } from './tool-session.ts';

/** More lines than this go through one `ipset restore` of their own, which is faster from here on. */
const SESSION_LINES = 2_000;

export interface IpsetBackendOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  readonly iptables: Iptables;
  readonly slots: SlotMemory;
  /** Interfaces towards the internet; possibly several, possibly none. */
  readonly wan: readonly string[];
}

/** Enforces with ipset and iptables (design page enforce.md). */
export class IpsetBackend implements Backend {
  readonly name = 'ipset';
  readonly #options: IpsetBackendOptions;
  readonly #session: ToolSession;
  readonly #chains: IptablesSession;
  readonly #cut: ConntrackCut;
  readonly #counters = new CounterBook();
  /** What the kernel holds, as far as it was acknowledged and nothing has shaken it. */
  #mirror: Rulebook | undefined;
  /** The last acknowledged state, kept for the plan also while the mirror is in doubt. */
  #applied: Rulebook | undefined;
  /** Moves whenever a change begins or ends: a check that overlapped one proves nothing. */
  #epoch = 0;
  /** Checks until one compares the elements of the sets. */
  #untilThorough = 0;
  #comparesEvery = 1;

  /** Throws ConfigError for an impossible interface name. */
  constructor(options: IpsetBackendOptions) {
    const wrong = options.wan.find((device) => !INTERFACE.test(device));
    if (wrong !== undefined) throw new ConfigError(`wan: ${JSON.stringify(wrong)} is no interface name`);
    this.#options = options;
    this.#session = ipsetSession(options.exec, options.clock);
    this.#chains = new IptablesSession(options.iptables, options);
    this.#cut = new ConntrackCut(options.exec, options.clock, options.log);
  }

  describe(): { name: string; detail: string } {
    return { name: 'ipset', detail: `ipset, ${this.#options.iptables.label}` };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const { clock, log, slots, wan } = this.#options;
    const begun = clock.monotonic();
    const held = slots.load();
    const assigned = assignSlots(held, want.owners.keys());
    if (assigned !== held) slots.save(assigned);
    const mirror = this.#mirror;
    const rulebook = withSpares(compile(want, assigned, { wan, last: this.#applied }), mirror);
    if (rulebook.refused > 0)
      log.warn({ refused: rulebook.refused }, 'elements that are no addresses were left out');

    this.#epoch += 1;
    this.#mirror = undefined;
    try {
      const done =
        mirror === undefined
          ? await this.#resync(rulebook, signal)
          : await this.#update(mirror, rulebook, signal);
      this.#mirror = done.reached;
      this.#applied = done.reached;
      this.#cut.applied(want);
      const { did, elements, rules } = done;
      return { did, elements, rules, ms: clock.monotonic() - begun };
    } finally {
      this.#epoch += 1;
    }
  }

  /** The legacy tables tell nobody, and under the plain name they may be those. */
  told(): Told {
    const monitors = this.#options.iptables.variant === 'nft' ? [XTABLES_MONITOR, NFT_MONITOR] : [];
    return { monitors, butNot: ['the contents of sets'] };
  }

  comparesEvery(): number {
    return this.#comparesEvery;
  }

  async check(signal: AbortSignal, thorough = false): Promise<readonly Drift[]> {
    const [epoch, mirror] = [this.#epoch, this.#mirror];
    if (mirror === undefined) return [];
    this.#untilThorough -= 1;
    let drift = driftOf(mirror, await this.#look(signal));
    if (drift.length === 0 && (thorough || this.#untilThorough <= 0)) {
      const { exec, clock } = this.#options;
      const begun = clock.monotonic();
      // A set that has vanished meanwhile is a failure here, and drift at the next look.
      const held = await listElements(exec, [...mirror.sets.keys()], signal);
      drift = elementDriftOf(mirror, held);
      this.#comparesEvery = thoroughEvery(mirror, clock.monotonic() - begun);
      this.#untilThorough = this.#comparesEvery;
    }
    if (epoch !== this.#epoch || mirror !== this.#mirror) return [];
    if (drift.length > 0) this.#mirror = undefined;
    return drift;
  }

  async counters(signal: AbortSignal): Promise<readonly Counter[]> {
    const { exec, iptables, slots } = this.#options;
    const applied = this.#applied;
    if (applied === undefined) return [];
    const texts = await Promise.all([iptables.save(4, signal, true), iptables.save(6, signal, true)]);
    const list = (name: string | undefined): Promise<string> => saveSets(exec, name, signal);
    return this.#counters.read(applied, slots.load(), parseRuleCounts(texts.join('\n')), list);
  }

  async clear(signal: AbortSignal): Promise<void> {
    const { exec, iptables } = this.#options;
    this.#epoch += 1;
    this.#mirror = undefined;
    this.#applied = undefined;
    await this.#stopSessions();
    const { texts, lines } = removal(await this.#look(signal));
    await iptables.restore(texts, signal);
    if (lines.length > 0) await restoreSets(exec, lines, signal);
    this.#epoch += 1;
  }

  plan(of?: BlockSet): Planned | undefined {
    if (this.#applied === undefined) return undefined;
    const { slots, wan, iptables } = this.#options;
    const rulebook =
      of === undefined
        ? this.#applied
        : compile(of, assignSlots(slots.load(), of.owners.keys()), { wan, last: this.#applied });
    return { backend: 'ipset', variant: iptables.variant, rulebook };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#stopSessions(), this.#cut.stop()]);
  }

  async #stopSessions(): Promise<void> {
    await Promise.all([this.#session.stop(), this.#chains.stop()]);
  }

  /** Applies the difference; if that fails the mirror was wrong, and the kernel is put right whole. */
  async #update(
    mirror: Rulebook,
    want: Rulebook,
    signal: AbortSignal,
  ): Promise<Pick<Outcome, 'did'> & Omit<Change, 'steps'>> {
    const { steps, reached, elements, rules } = diff(mirror, want);
    if (steps.length === 0) return { did: 'unchanged', reached, elements, rules };
    try {
      // With iptables-nft the kernel lets a set go some time after its last rule, but before the tool has ended.
      const keep = this.#options.iptables.variant === 'legacy' || !steps.some(destroys);
      for (const step of steps) await this.#change(step, keep, signal);
      return { did: 'update', reached, elements, rules };
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn(
        { error: messageOf(error) },
        'a change did not go in as planned; all is applied anew',
      );
      return this.#resync(want, signal);
    }
  }

  async #resync(want: Rulebook, signal: AbortSignal): Promise<{ did: 'resync' } & Omit<Change, 'steps'>> {
    const look = await this.#look(signal);
    const others = new Set(madeOtherwise(look));
    const read = [...look.sizes]
      .filter(([name, size]) => size > 0 && (isRead(name) || others.has(name)))
      .map(([name]) => name);
    const held = await listElements(this.#options.exec, read, signal);
    const { steps, between } = widen(want, look, held);
    for (const step of steps) await this.#apply(step, signal);
    const rest = narrow(want, between, await listSizes(this.#options.exec, signal));
    if (rest.missing.length > 0) throw new TemporaryError(`sets lost elements meanwhile: ${rest.missing[0]}`);
    for (const step of rest.steps) await this.#apply(step, signal);
    const wrong = driftOf(want, await this.#look(signal))[0];
    if (wrong !== undefined)
      throw new TemporaryError(`the kernel does not hold what was written: ${wrong.name} ${wrong.detail}`);
    // The next change is a single one and should find the sessions open.
    await Promise.all([this.#session.run([], signal), this.#chains.open(signal)]);
    const sum = (count: (step: Step) => number): number =>
      [...steps, ...rest.steps].reduce((total, step) => total + count(step), 0);
    return {
      did: 'resync',
      reached: want,
      elements: want.sets.values().reduce((total, set) => total + set.elements.size, 0),
      rules: sum((step) => (step.kind === 'chains' ? step.rules : 0)),
    };
  }

  /** A step of a change goes through the sessions, unless it is a large one; chains if they may. */
  async #change(step: Step, keep: boolean, signal: AbortSignal): Promise<void> {
    if (step.kind === 'chains' && keep) return this.#chains.restore(step.texts, signal);
    if (step.kind === 'sets' && step.lines.length <= SESSION_LINES)
      return this.#session.run(step.lines, signal);
    return this.#apply(step, signal);
  }

  async #apply(step: Step, signal: AbortSignal): Promise<void> {
    if (step.kind === 'chains') return this.#options.iptables.restore(step.texts, signal);
    return restoreSets(this.#options.exec, step.lines, signal);
  }

  async #look(signal: AbortSignal): Promise<Look> {
    const { exec, iptables } = this.#options;
    const [sets, found] = await Promise.all([listSets(exec, signal), iptables.found(signal)]);
    return { ...sets, found };
  }
}

function destroys(step: Step): boolean {
  return step.kind === 'sets' && step.lines.some((line) => line.startsWith('destroy '));
}
