import type { Clock } from '../../../clock.ts';
import { ConfigError, messageOf, TemporaryError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import type { BlockSet } from '../../../policy/block-set.ts';
import type { Exec } from '../../exec.ts';
import { type Backend, type Counter, type Drift, INTERFACE, type Outcome, type Plan } from '../backend.ts';
import { ConntrackCut } from '../conntrack-cut.ts';
import { type Compiled, compile } from './compile.ts';
import { Attribution, carried, countersOf, HitBook } from './counters.ts';
import { type Baseline, driftOf } from './drift.ts';
import { parseHitName } from './names.ts';
import { listSet, listTable, removeTable, transact } from './nft.ts';
import { type Change, diff, whole } from './plan.ts';
import { type Found, parseListing } from './read.ts';
import { NftSession } from './session.ts';
import { elementsIn, sizeOf, type Table } from './table.ts';

/** More elements than this go through one `nft -f` of their own: a line of the session takes no more. */
const SESSION_ELEMENTS = 500;
/** The elements of so many are compared at each check; of the sets that are larger one in turn. */
const CHECKED_WHOLE = 5_000;

export interface NftBackendOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  /** Interfaces towards the internet; possibly several, possibly none. */
  readonly wan: readonly string[];
  /** Why this backend and no other, for people. */
  readonly why: string;
}

/**
 * Enforces with a table of nftables (design page enforce.md). Every change is one transaction of the kernel, so nothing
 * can pass between two steps of it.
 */
export class NftBackend implements Backend {
  readonly name = 'nftables';
  readonly #options: NftBackendOptions;
  readonly #session: NftSession;
  readonly #cut: ConntrackCut;
  readonly #hits = new HitBook();
  /** What the kernel holds, as far as it was acknowledged and nothing has shaken it. */
  #mirror: Compiled | undefined;
  /** The last acknowledged state, kept for the plan also while the mirror is in doubt. */
  #applied: Compiled | undefined;
  #blockSet: BlockSet | undefined;
  #baseline: Baseline | undefined;
  /** Elements of counting sets whose entries are gone; the next change takes them along. */
  #stale: ReadonlyMap<string, readonly string[]> = new Map();
  #turn = 0;
  /** Moves whenever a change begins or ends: a check that overlapped one proves nothing. */
  #epoch = 0;

  /** Throws ConfigError for an impossible interface name. */
  constructor(options: NftBackendOptions) {
    const wrong = options.wan.find((device) => !INTERFACE.test(device));
    if (wrong !== undefined) throw new ConfigError(`wan: ${JSON.stringify(wrong)} is no interface name`);
    this.#options = options;
    this.#session = new NftSession(options.exec, options.clock);
    this.#cut = new ConntrackCut(options.exec, options.clock, options.log);
  }

  describe(): { name: string; detail: string } {
    return { name: this.name, detail: `nftables (${this.#options.why})` };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const { clock, log, wan } = this.#options;
    const begun = clock.monotonic();
    const mirror = this.#mirror;
    const compiled = compile(want, { wan, last: this.#applied });
    if (compiled.refused > 0)
      log.warn({ refused: compiled.refused }, 'elements that are no addresses were left out');

    this.#epoch += 1;
    this.#mirror = undefined;
    try {
      const done =
        mirror === undefined
          ? await this.#resync(compiled.table, want, signal)
          : await this.#update(mirror.table, compiled.table, want, signal);
      this.#mirror = compiled;
      this.#applied = compiled;
      this.#blockSet = want;
      this.#cut.applied(want);
      return { ...done, ms: clock.monotonic() - begun };
    } finally {
      this.#epoch += 1;
    }
  }

  async check(signal: AbortSignal): Promise<readonly Drift[]> {
    const [epoch, mirror] = [this.#epoch, this.#mirror];
    if (mirror === undefined) return [];
    const { found, listed } = await this.#compared(mirror.table, signal);
    if (epoch !== this.#epoch || mirror !== this.#mirror) return [];
    const drift = driftOf(mirror.table, found, this.#baseline, listed);
    if (drift.length > 0) this.#mirror = undefined;
    return drift;
  }

  async counters(signal: AbortSignal): Promise<readonly Counter[]> {
    const [epoch, blockSet] = [this.#epoch, this.#blockSet];
    if (blockSet === undefined) return [];
    const found = await this.#look(true, signal);
    if (found === undefined) return [];
    const hits = await this.#hits.read(found, (name) => this.#list('set', name, signal));
    const { counters, stale } = countersOf(hits, new Attribution(blockSet));
    if (epoch === this.#epoch) this.#stale = stale;
    return counters;
  }

  async clear(signal: AbortSignal): Promise<void> {
    this.#epoch += 1;
    this.#mirror = undefined;
    this.#applied = undefined;
    this.#blockSet = undefined;
    this.#forget();
    await this.#session.stop();
    await removeTable(this.#options.exec, signal);
    this.#epoch += 1;
  }

  plan(): Plan | undefined {
    if (this.#applied === undefined) return undefined;
    return { backend: 'nftables', table: `${whole(this.#applied.table).commands.join('\n')}\n` };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#session.stop(), this.#cut.stop()]);
  }

  /** Applies the difference; if that fails the mirror was wrong, and the kernel is put right whole. */
  async #update(
    now: Table,
    want: Table,
    blockSet: BlockSet,
    signal: AbortSignal,
  ): Promise<Omit<Outcome, 'ms'>> {
    const change = diff(now, want);
    if (change.commands.length === 0) return { did: 'unchanged', elements: 0, rules: 0 };
    const { commands, elements, rules } = this.#stale.size === 0 ? change : diff(now, want, this.#stale);
    try {
      await this.#apply({ commands, elements, rules }, signal);
      this.#hits.forget(this.#stale);
      this.#stale = new Map();
      // Rules that were written anew have other handles.
      if (rules > 0) this.#baseline = (await this.#look(true, signal))?.chains;
      return { did: 'update', elements, rules };
    } catch (error) {
      signal.throwIfAborted();
      this.#options.log.warn(
        { error: messageOf(error) },
        'a change did not go in as planned; all is applied anew',
      );
      return this.#resync(want, blockSet, signal);
    }
  }

  /** The table anew in place of the old one, in one transaction. Counts of what stays blocked are taken over. */
  async #resync(want: Table, blockSet: BlockSet, signal: AbortSignal): Promise<Omit<Outcome, 'ms'>> {
    const { exec } = this.#options;
    const there = await this.#look(true, signal);
    this.#hits.clear();
    const hits =
      there === undefined
        ? new Map()
        : await this.#hits.read(there, (name) => this.#list('set', name, signal));
    this.#forget();
    const counted = carried(hits, new Attribution(blockSet));
    const { commands, elements, rules } = whole(want, counted);
    await transact(exec, commands, signal);
    const found = await this.#look(true, signal);
    if (found === undefined) throw new TemporaryError('the table is gone already');
    this.#baseline = found.chains;
    // The next change is a single one and should find the session open.
    if (!this.#session.useless) await this.#session.run([], signal).catch(() => signal.throwIfAborted());
    return { did: 'resync', elements, rules };
  }

  async #apply({ commands, elements }: Change, signal: AbortSignal): Promise<void> {
    const small = elements <= SESSION_ELEMENTS && !this.#session.useless;
    return small ? this.#session.run(commands, signal) : transact(this.#options.exec, commands, signal);
  }

  #forget(): void {
    this.#hits.clear();
    this.#stale = new Map();
    this.#baseline = undefined;
  }

  /** The kernel's table, and of which sets the elements are in it. */
  async #compared(
    table: Table,
    signal: AbortSignal,
  ): Promise<{ found: Found | undefined; listed: (name: string) => boolean }> {
    if (elementsIn(table) <= CHECKED_WHOLE)
      return { found: await this.#look(false, signal), listed: () => true };
    const small = [...table.sets].filter(([, set]) => sizeOf(set) <= CHECKED_WHOLE / 10);
    const large = [...table.sets].filter(([, set]) => sizeOf(set) > CHECKED_WHOLE / 10);
    const next = large[this.#turn % Math.max(1, large.length)];
    this.#turn += 1;
    const found = await this.#look(true, signal);
    if (found === undefined) return { found, listed: () => false };
    const sets = new Map(found.sets);
    const names = new Set<string>();
    for (const [name, { kind }] of next === undefined ? small : [...small, next]) {
      if (parseHitName(name) !== undefined) continue;
      const elements = (await this.#list(kind, name, signal))?.sets.get(name);
      if (elements === undefined) continue;
      sets.set(name, elements);
      names.add(name);
    }
    return { found: { ...found, sets }, listed: (name) => names.has(name) };
  }

  async #look(terse: boolean, signal: AbortSignal): Promise<Found | undefined> {
    const text = await listTable(this.#options.exec, terse, signal);
    return text === undefined ? undefined : readOrThrow(text);
  }

  async #list(kind: 'set' | 'map', name: string, signal: AbortSignal): Promise<Found | undefined> {
    const text = await listSet(this.#options.exec, kind, name, signal);
    return text === undefined ? undefined : readOrThrow(text);
  }
}

function readOrThrow(text: string): Found {
  const found = parseListing(text);
  if (found === undefined) throw new TemporaryError('nft printed what is no listing');
  return found;
}
