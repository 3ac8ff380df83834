import { type Clock, repeat } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import type { Exec } from '../exec.ts';
import { AddressReader } from './address-reader.ts';
import type { ConntrackEntry } from './conntrack.ts';
import { ConntrackEvents } from './conntrack-events.ts';
import { type EntryTaker, type Family, READERS, readEntries } from './conntrack-reading.ts';
import type { SourceHealth } from './facts.ts';
import { LastLines } from './last-lines.ts';
import { ACCOUNTING, putBackSysctls, type SysctlChange, setSysctls } from './sysctls.ts';
import { TrackingRule } from './tracking-rule.ts';

/** After so many readings the kernel is looked at again: a module may have come, a rule may be gone. */
const LOOK_EVERY = 30;
/** Events of the first moments wait until it is known that readings call entries by the same names. */
const MAX_EARLY = 10_000;
const BOTH: ReadonlySet<Family> = new Set([4, 6]);
const NO_COUNTS = { packets: 0, bytes: 0 };

/** Where the entries go. */
export interface EntrySink extends EntryTaker {
  readonly counters: Readonly<Record<string, number>>;
  /** Entries that are followed now. */
  readonly size: number;
  /** A reading begins. */
  begin(): void;
  /** The reading of these families is complete: what was not in it has ended. Not called after half a reading. */
  end(families: ReadonlySet<Family>): void;
  /** The kernel told that an entry began; with counters of zero if it counts. Events keep their order. */
  began(entry: ConntrackEntry): void;
  /** The kernel told that an entry ended, with its last counters. */
  ended(entry: ConntrackEntry): void;
}

export interface ConntrackSourceOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  pollMs: number;
  /** Have the kernel track connections where nothing else makes it (one rule of our own). */
  track: boolean;
  sink: EntrySink;
}

/** Reads the kernel's connections again and again, streamed, with its events beside it. */
export class ConntrackSource implements Service {
  readonly name = 'conntrack';
  readonly #options: ConntrackSourceOptions;
  readonly #addresses = new AddressReader();
  readonly #last = new LastLines();
  readonly #events: ConntrackEvents;
  readonly #rule: TrackingRule;
  readonly #counters = { readings: 0, entries: 0, ignored: 0, failures: 0, early: 0 };
  #reader: (typeof READERS)[number] = READERS[0];
  /** A reader that has worked is kept: another one would call the same entries by other names. */
  #settled = false;
  /** The first command of the reader has shown IPv6 as well. */
  #showsBoth = false;
  #listening = false;
  /** Undefined: events are taken as they come. */
  #early: ConntrackEntry[] | undefined = [];
  #tracked = false;
  /** How often a router over there had been reached when its kernel was last prepared. */
  #reached: number | undefined;
  #changed: SysctlChange[] = [];
  #refused: string[] = [];
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: ConntrackSourceOptions) {
    this.#options = options;
    const { exec, clock, log } = options;
    this.#rule = new TrackingRule(exec, log);
    const onEvent = (entry: ConntrackEntry) => this.#event(entry);
    this.#events = new ConntrackEvents({ exec, clock, log, addresses: this.#addresses, onEvent });
  }

  /** False as long as the kernel showed no entry at all. */
  get tracking(): boolean {
    return this.#tracked;
  }

  /** The families that are tracked because of our own rule, in words. */
  get trackedByRule(): readonly string[] {
    return this.#rule.told;
  }

  /** Why there are no flows, or no counters in them, or only readings. */
  get why(): string | undefined {
    if (!this.#tracked && !this.#settled) return this.#lastError ?? 'not read yet';
    if (!this.#tracked && this.#rule.told.length > 0) {
      return 'the kernel has shown no connection yet; it was asked to track them';
    }
    if (!this.#tracked) {
      const failed = this.#rule.lastError === undefined ? '' : ` (${this.#rule.lastError})`;
      return `the kernel has shown no connection: it tracks only where NAT or a "ct state" rule asks for it${failed}`;
    }
    if (this.#refused.length > 0) return `could not set ${this.#refused.join(', ')}: flows may lack counters`;
    if (this.#listening && this.#events.why !== undefined) {
      return `connections are only read every few seconds: ${this.#events.why}`;
    }
    return undefined;
  }

  health(): SourceHealth {
    const { sink } = this.#options;
    return {
      name: `${this.name} (${this.#reader.name})`,
      running: this.#settled && this.#lastError === undefined,
      restarts: this.#events.restarts,
      counters: { ...this.#counters, ...this.#events.counters, ...sink.counters, followed: sink.size },
      lastError: this.#lastError,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, pollMs, log } = this.#options;
    this.#stopper = new AbortController();
    const any = AbortSignal.any([signal, this.#stopper.signal]);
    this.#polling = repeat((inner) => this.#poll(inner), {
      clock,
      signal: any,
      everyMs: pollMs,
      maxMs: 30_000,
      onFailure: (error, inARow) => {
        this.#counters.failures += 1;
        this.#lastError = messageOf(error);
        if (inARow === 1) log.warn({ error: this.#lastError }, 'the connections cannot be read');
        if (!this.#settled) this.#reader = READERS[this.#reader === READERS[0] ? 1 : 0];
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    await this.#polling;
    this.#listening = false;
    await this.#events.stop();
    await this.#rule.remove();
    const changed = this.#changed.splice(0);
    await putBackSysctls(this.#options.exec, changed);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { exec, clock, sink } = this.#options;
    await exec.elsewhere?.untilReached(signal);
    const reached = exec.elsewhere?.reached;
    const look = this.#counters.readings % LOOK_EVERY === 0 || reached !== this.#reached;
    if (look) await this.#prepare(reached !== this.#reached, signal);
    await this.#listen(signal);
    sink.begin();
    this.#last.begin();
    let entries = 0;
    for (const { argv, families } of this.#reader.readings) {
      const read = await readEntries({ exec, clock, argv }, signal, this.#addresses, this.#last, sink);
      entries += read[4] + read[6];
      this.#counters.ignored += read.ignored;
      this.#showsBoth ||= families.has(4) && read[6] > 0;
      sink.end(this.#showsBoth ? BOTH : families);
      if (this.#showsBoth) break;
    }
    if (look) await this.#track(signal);
    this.#reached = reached;
    this.#counters.readings += 1;
    this.#counters.entries = entries;
    this.#tracked ||= this.#counters.entries > 0;
    this.#settled = true;
    this.#lastError = undefined;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const entry of early) this.#event(entry);
    await this.#events.afterReading(signal);
  }

  /**
   * Counting is off by default. What could not be set is tried again now and then: the module may come later. `anew`: on a
   * router that may have been started anew.
   */
  async #prepare(anew: boolean, signal: AbortSignal): Promise<void> {
    const { exec, log } = this.#options;
    if (this.#settled && this.#refused.length === 0 && !anew) return;
    const before = { changed: this.#changed.length, refused: this.#refused.length };
    this.#refused = await setSysctls(exec, this.#changed, signal);
    if (this.#changed.length > before.changed) {
      log.info({ set: this.#changed.map(({ key }) => key) }, 'kernel settings were changed');
    }
    if (this.#refused.length > before.refused) {
      log.warn({ refused: this.#refused }, 'kernel settings could not be changed');
    }
  }

  /** Events begin before the first reading, and only where readings call entries by the same ids. */
  async #listen(signal: AbortSignal): Promise<void> {
    const wanted = this.#reader.hasIds;
    if (wanted === this.#listening) return;
    this.#listening = wanted;
    if (wanted) await this.#events.start(signal);
    else {
      await this.#events.stop();
      this.#early = [];
    }
  }

  #event(entry: ConntrackEntry): void {
    const { sink } = this.#options;
    // What was on its way when listening ended is nobody's.
    if (!this.#listening) return;
    if (this.#early !== undefined) {
      if (this.#early.length < MAX_EARLY) this.#early.push(entry);
      else this.#counters.early += 1;
    } else if (entry.event === 'DESTROY') sink.ended(entry);
    else if (entry.event === 'NEW') {
      const counts = this.#refused.includes(ACCOUNTING) ? undefined : NO_COUNTS;
      const [original, reply] = [
        { ...entry.original, counts },
        { ...entry.reply, counts },
      ];
      sink.began({ ...entry, original, reply });
    }
  }

  /** Entries tell nothing of whether new ones are made: those of before the rule was gone stay for days. */
  async #track(signal: AbortSignal): Promise<void> {
    if (!this.#settled) await this.#rule.adopt(signal);
    if (this.#options.track) for (const family of BOTH) await this.#rule.ensure(family, signal);
    else await this.#rule.remove(signal);
  }
}
