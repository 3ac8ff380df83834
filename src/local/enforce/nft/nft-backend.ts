import type { Clock } from '../../../clock.ts';
import { ConfigError, messageOf, TemporaryError } from '../../../errors.ts';
import type { Log } from '../../../log.ts';
import type { BlockSet } from '../../../policy/block-set.ts';
import type { Exec } from '../../exec.ts';
import {
  type Backend,
  type Counter,
  type Drift,
  INTERFACE,
  type Outcome,
  type PlannedTable,
} from '../backend.ts';
import { ConntrackCut } from '../conntrack-cut.ts';
import { NFT_MONITOR, type Told } from '../drift-watch.ts';
import type { ToolSession } from '../tool-session.ts';
import { type Compiled, compile } from './compile.ts';
import { Attribution, countersOf, HitBook, type Hits, kept, sum, written } from './counters.ts';
import { type Baseline, driftOf } from './drift.ts';
import { type Judged, nextOf, TABLES } from './names.ts';
import { foundIn, listSet, listTable, readOrThrow, removeTable, transact } from './nft.ts';
import type { OwnPorts } from './own.ts';
import { diff, removal, ruleCount, sized, type Transaction, whole } from './plan.ts';
import { type Found, isAtWork } from './read.ts';
import { nftSession } from './session.ts';
import { inPieces, putNew } from './staged.ts';
import { elementsIn, type Table } from './table.ts';

/** More elements than this go through one `nft -f` of their own: a line of the session takes no more. */
const SESSION_ELEMENTS = 500;
/** Up to so many elements are compared at every check (0.1 s); more (20,000: 0.4 s) at one in six. */
const CHECKED_ALWAYS = 5_000;
const ONE_IN = 6;

export interface NftBackendOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  /** Interfaces towards the internet; possibly several, possibly none. */
  readonly wan: readonly string[];
  /** Why this backend and no other, for people. */
  readonly why: string;
  /** What it judges: what is routed, or what has a table of its own. */
  readonly of?: Judged;
  /** Of the router itself: what always passes. */
  readonly ports?: OwnPorts;
}

/**
 * Enforces with a table of nftables (design page enforce.md). Every change is one transaction of the kernel, so nothing
 * can pass between two steps of it.
 */
export class NftBackend implements Backend {
  readonly name = 'nftables';
  readonly #options: NftBackendOptions;
  readonly #of: Judged;
  readonly #table: string;
  readonly #session: ToolSession;
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
  #checks = 0;
  /** Moves whenever a change begins or ends: a check that overlapped one proves nothing. */
  #epoch = 0;

  /** Throws ConfigError for an impossible interface name. */
  constructor(options: NftBackendOptions) {
    const wrong = options.wan.find((device) => !INTERFACE.test(device));
    if (wrong !== undefined) throw new ConfigError(`wan: ${JSON.stringify(wrong)} is no interface name`);
    this.#options = options;
    this.#of = options.of ?? 'routed';
    this.#table = TABLES[this.#of];
    this.#session = nftSession(options.exec, options.clock);
    this.#cut = new ConntrackCut(options.exec, options.clock, options.log);
  }

  describe(): { name: string; detail: string } {
    return { name: this.name, detail: `nftables (${this.#options.why})` };
  }

  async set(want: BlockSet, signal: AbortSignal): Promise<Outcome> {
    signal.throwIfAborted();
    const { clock, log } = this.#options;
    const begun = clock.monotonic();
    const mirror = this.#mirror;
    // A table beside another is handed the same again with most changes, which are not about it.
    if (mirror !== undefined && want === this.#blockSet)
      return { did: 'unchanged', elements: 0, rules: 0, ms: clock.monotonic() - begun };
    const compiled = this.#compile(want);
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
      // What only passes a bridge has no connections of its own; those of the router itself are cut by who knows its addresses.
      if (this.#of === 'routed') this.#cut.applied(want);
      return { ...done, ms: clock.monotonic() - begun };
    } finally {
      this.#epoch += 1;
    }
  }

  told(): Told {
    return { monitors: [NFT_MONITOR], butNot: [] };
  }

  comparesEvery(): number {
    const table = this.#applied?.table;
    return table === undefined || elementsIn(table) <= CHECKED_ALWAYS ? 1 : ONE_IN;
  }

  async check(signal: AbortSignal, wanted = false): Promise<readonly Drift[]> {
    const [epoch, mirror] = [this.#epoch, this.#mirror];
    if (mirror === undefined) return [];
    const thorough = wanted || this.#isThorough(mirror.table);
    const found = await this.#look(!thorough, signal);
    if (epoch !== this.#epoch || mirror !== this.#mirror) return [];
    const drift = driftOf(mirror.table, found, this.#baseline, thorough);
    if (drift.length > 0) this.#mirror = undefined;
    return drift;
  }

  async counters(signal: AbortSignal): Promise<readonly Counter[]> {
    const [epoch, blockSet] = [this.#epoch, this.#blockSet];
    if (blockSet === undefined) return [];
    const found = await this.#look(true, signal);
    if (found === undefined) return [];
    const hits = await this.#hitsOf(this.#table, found, signal, this.#hits);
    const attribution = new Attribution(blockSet);
    const { counters, stale } = countersOf(hits, attribution, this.#hits.copied(attribution));
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
    await removeTable(this.#options.exec, signal, this.#table);
    this.#epoch += 1;
  }

  plan(of?: BlockSet): PlannedTable | undefined {
    const last = this.#applied;
    if (last === undefined) return undefined;
    const { table } = of === undefined ? last : this.#compile(of);
    return { backend: 'nftables', table };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#session.stop(), this.#cut.stop()]);
  }

  #compile(want: BlockSet): Compiled {
    const { wan, ports } = this.#options;
    return compile(want, { wan, last: this.#applied, of: this.#of, ...(ports && { ports }) });
  }

  /** Applies the difference; if that fails the mirror was wrong, and the kernel is put right whole. */
  async #update(
    now: Table,
    want: Table,
    blockSet: BlockSet,
    signal: AbortSignal,
  ): Promise<Omit<Outcome, 'ms'>> {
    const { steps, elements, rules } = diff(now, want, this.#stale, this.#table);
    if (steps?.length === 0) return { did: 'unchanged', elements: 0, rules: 0 };
    try {
      if (steps === undefined) await this.#replace(want, blockSet, signal);
      else {
        for (const step of steps) await this.#apply(step, elements, signal);
        this.#hits.forget(this.#stale);
        this.#stale = new Map();
        // Rules that were written anew have other handles.
        if (rules > 0) this.#baseline = (await this.#look(true, signal))?.chains;
      }
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

  async #resync(want: Table, blockSet: BlockSet, signal: AbortSignal): Promise<Omit<Outcome, 'ms'>> {
    await this.#replace(want, blockSet, signal);
    // The next change is a single one and should find the session open. Those of bridges are rare.
    if (this.#of === 'routed' && !this.#session.useless)
      await this.#session.run([], signal).catch(() => signal.throwIfAborted());
    return { did: 'resync', elements: elementsIn(want), rules: ruleCount(want) };
  }

  /**
   * The table anew in place of the old one. While one goes and the other comes a copy blocks. Counts of what stays
   * blocked are taken over. Of tables with the same priority the newest gets a packet first, so of the three only that
   * one counts, and what was read of the others is final. Where it ends half-way the copy goes on until the next time.
   */
  async #replace(want: Table, blockSet: BlockSet, signal: AbortSignal): Promise<void> {
    const { exec } = this.#options;
    const next = nextOf(this.#table);
    const before = await listTable(exec, true, signal, this.#table);
    // Where none is at work a copy that was left may be all that blocks: it stays to the end.
    if (isAtWork(foundIn(before, this.#table))) {
      if (foundIn(before, next) !== undefined) await transact(exec, removal(next), signal);
      await putNew(exec, sized(whole(want, undefined, next)), signal);
    }
    const there = await this.#look(true, signal);
    const hits = await this.#hitsOf(this.#table, there, signal, this.#hits, true);
    const attribution = new Attribution(blockSet);
    // What an entry has counted that was lifted meanwhile is not its successor's.
    const last = this.#blockSet === undefined ? attribution : new Attribution(this.#blockSet);
    const counts = kept(kept(sum(hits, this.#hits.copied(last)), last), attribution);
    // In one transaction with the new table its elements would all be a part of that (staged.ts).
    if (there !== undefined) await transact(exec, removal(this.#table), signal);
    this.#forget(counts);
    await putNew(exec, whole(want, written(counts), this.#table), signal);
    const text = await listTable(exec, true, signal, this.#table);
    const copied = await this.#hitsOf(next, foundIn(text, next), signal);
    await transact(exec, removal(next), signal);
    const found = foundIn(text, this.#table);
    if (found === undefined) throw new TemporaryError('the table is gone already');
    this.#baseline = found.chains;
    this.#hits.begin(counts, copied);
  }

  /** What a table has counted, as far as it is there. */
  async #hitsOf(
    table: string,
    found: Found | undefined,
    signal: AbortSignal,
    book = new HitBook(),
    all = false,
  ): Promise<Hits> {
    if (found === undefined) return new Map();
    const list = async (name: string): Promise<Found | undefined> => {
      const text = await listSet(this.#options.exec, 'set', name, signal, table);
      return text === undefined ? undefined : readOrThrow(text, table);
    };
    return book.read(found, list, all);
  }

  async #apply(step: Transaction, elements: number, signal: AbortSignal): Promise<void> {
    const small = elements <= SESSION_ELEMENTS && !this.#session.useless;
    return small ? this.#session.run(step, signal) : inPieces(this.#options.exec, step, signal);
  }

  /** No table of ours is there; `counts` are what the last one has counted. */
  #forget(counts?: Hits): void {
    this.#hits.begin(new Map(), counts);
    this.#stale = new Map();
    this.#baseline = undefined;
  }

  /** Whether this check compares the elements too. */
  #isThorough(table: Table): boolean {
    this.#checks += 1;
    return elementsIn(table) <= CHECKED_ALWAYS || this.#checks % ONE_IN === 0;
  }

  async #look(terse: boolean, signal: AbortSignal): Promise<Found | undefined> {
    return foundIn(await listTable(this.#options.exec, terse, signal, this.#table), this.#table);
  }
}
