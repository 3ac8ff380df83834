import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import { type Exec, Supervised } from '../exec.ts';
import { LineSplitter } from '../observe/lines.ts';
import { tryRun } from '../observe/try-run.ts';

/** A command that tells of each change of the kernel's rules, a line for each part of it and one for its end. */
export interface Monitor {
  /** For people. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Succeeds where the command is there. */
  readonly probe: readonly string[];
  /** Found in lines about what is ours, and about the chain that leads to ours. */
  readonly concerns: RegExp;
}

/** What tells of changes to what a backend has in the kernel. */
export interface Told {
  /** The first that is installed is used; none where the kernel tells nobody. */
  readonly monitors: readonly Monitor[];
  /** What none of them tells of. */
  readonly butNot: readonly Untold[];
}

/** For people: rules of iptables, elements of sets. */
export type Untold = 'iptables' | 'the contents of sets';

/** What a backend without a kernel has to be told. */
export const NOTHING_TOLD: Told = { monitors: [], butNot: [] };

/** nft(8). It keeps all sets of the machine in its memory (50,000 pairs: 53 MB) and prints each element. */
export const NFT_MONITOR: Monitor = {
  name: 'nft monitor',
  argv: ['nft', 'monitor'],
  probe: ['nft', '--version'],
  concerns: /^\S+ \S+ (?:(?:inet|bridge) hedgerow(?:_own)?(?:_next)?|ip6? mangle)(?: |$)/,
};

/** xtables-monitor(8), of iptables-nft: 2 MB, whatever there is. What it prints waits in it unless it is told otherwise. */
export const XTABLES_MONITOR: Monitor = {
  name: 'xtables-monitor',
  argv: ['stdbuf', '-oL', 'xtables-monitor', '--event'],
  probe: ['stdbuf', '-oL', 'xtables-monitor', '--version'],
  concerns: / -t mangle | table: table mangle ip|# nft: (?:ip6? mangle|bridge hedgerow|inet hedgerow_own) /,
};

/** What tells where a table of nftables stands beside: legacy tables of iptables are still not told of. */
export function alsoOfNft({ monitors, butNot }: Told): Told {
  if (monitors.includes(NFT_MONITOR))
    return { monitors: [NFT_MONITOR, ...monitors.filter((one) => one !== NFT_MONITOR)], butNot };
  return {
    monitors: [NFT_MONITOR, ...monitors],
    butNot: monitors.length === 0 ? ['iptables', ...butNot] : butNot,
  };
}

/** The end of a change, with who made it; both tools print the kernel's NFT_MSG_NEWGEN (nf_tables_api.c). */
const GENERATION = /^(?:# new generation \d+ by process (\d+)|NEWGEN: GENID=\d+ PID=(\d+))/;
/** nft(8) has lost events: whatever it was. */
const LOST = /^# ERROR/;
const GATHER_MS = 20;
const LOOK_EVERY_MS = 1_000;
const PROBE_TIMEOUT_MS = 5_000;
/** Where nobody tells, the enforcer looks this often. */
const CHECK_EVERY_S = 10;

export interface DriftWatchOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly log: Log;
  readonly told: Told;
  /** True for the process id of a command of ours. */
  readonly isOurs: (pid: number) => boolean;
  /** At which check, in how many, elements of sets are compared now: see {@link Backend.comparesEvery}. */
  readonly comparesEvery: () => number;
}

/** What a watch needs of whom it tells. */
export interface Watcher {
  /** Something else may have changed our part of the kernel. Never overlapping, at most once a second. */
  look(signal: AbortSignal): Promise<void>;
  /** A change of our own is under way, or was right before. */
  changing(): boolean;
}

/**
 * Listens to the kernel's news of its rules, and has them looked at when somebody else changed what is ours. Its lines are
 * read for no more than that: what they are about, and which process it was. Where process ids mean nothing, because rules are
 * changed on another machine or seen from within a container, whatever comes while we change something counts as our own.
 */
export class DriftWatch {
  readonly #options: DriftWatchOptions;
  readonly #lines = new LineSplitter((line) => this.#take(line));
  readonly #counters = { changes: 0, foreign: 0, looks: 0 };
  #watcher: Watcher | undefined;
  #signal: AbortSignal | undefined;
  #stopper: AbortController | undefined;
  #starting: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #monitor: Monitor | undefined;
  #supervised: Supervised | undefined;
  #complaint: string | undefined;
  #concerned = false;
  #wanted = false;
  /** A change was seen to come from a process of ours: process ids can be relied on. */
  #knowsOurs = false;

  constructor(options: DriftWatchOptions) {
    this.#options = options;
  }

  /** Changes that were told, those of them that were foreign and about us, and looks that it came to. */
  get counters(): Readonly<Record<'changes' | 'foreign' | 'looks' | 'dropped', number>> {
    return { ...this.#counters, dropped: this.#lines.dropped };
  }

  /** How soon a change by somebody else is noticed, in words. */
  get noticing(): string {
    const { monitors, butNot } = this.#options.told;
    const [monitor, running] = [this.#monitor, this.#supervised?.pid !== undefined];
    if (monitor !== undefined && running)
      return [`at once (${monitor.name})`, ...this.#later(butNot)].join(', ');
    const names = monitors.map(({ name }) => name).join(' and no ');
    let why = 'the kernel tells nobody';
    if (monitor !== undefined) why = `${monitor.name} does not run: ${this.#complaint ?? 'unknown'}`;
    else if (monitors.length > 0) why = `there is no ${names}`;
    return [`within ${shortly(CHECK_EVERY_S)}`, ...this.#contentsLater].join(', ').concat(` (${why})`);
  }

  /** What is noticed by looking alone, and within which time. */
  #later(what: readonly Untold[]): string[] {
    const soon = what.filter((one) => one === 'iptables' || this.#contentsLater.length === 0);
    return [
      ...(soon.length === 0 ? [] : [`${soon.join(' and ')} within ${shortly(CHECK_EVERY_S)}`]),
      ...(what.includes('the contents of sets') ? this.#contentsLater : []),
    ];
  }

  /** Where not every look compares elements. */
  get #contentsLater(): string[] {
    const every = this.#options.comparesEvery();
    return every === 1 ? [] : [`the contents of sets within ${shortly(every * CHECK_EVERY_S)}`];
  }

  /** Returns at once: which command there is is found out meanwhile. */
  start(signal: AbortSignal, watcher: Watcher): void {
    this.#stopper = new AbortController();
    this.#signal = AbortSignal.any([signal, this.#stopper.signal]);
    this.#watcher = watcher;
    this.#starting = this.#begin(this.#signal);
  }

  async stop(): Promise<void> {
    this.#stopper?.abort(new Error('the agent stops'));
    await this.#starting;
    await this.#supervised?.stop();
    await this.#looking;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const { exec, clock, log, told } = this.#options;
    for (const monitor of told.monitors) {
      if (!(await this.#isThere(monitor, signal))) continue;
      let starts = 0;
      this.#monitor = monitor;
      this.#supervised = new Supervised({
        exec,
        clock,
        log,
        name: monitor.name,
        argv: monitor.argv,
        gatherMs: GATHER_MS,
        onData: (chunk) => this.#lines.push(chunk),
        onErrorLine: (line) => {
          if (line.trim() !== '') this.#complaint = line;
        },
        onStart: () => {
          this.#lines.reset();
          this.#concerned = false;
          // Nobody has listened since the one before ended.
          starts += 1;
          if (starts > 1) this.#foreign();
        },
      });
      await this.#supervised.start(signal);
      return;
    }
  }

  async #isThere({ probe }: Monitor, signal: AbortSignal): Promise<boolean> {
    try {
      const found = await tryRun(this.#options.exec, probe, { timeoutMs: PROBE_TIMEOUT_MS, signal });
      return found.code === 0;
    } catch (error) {
      if (!signal.aborted) throw error;
      return false;
    }
  }

  #take(line: string): void {
    const [end, nft, xtables] = GENERATION.exec(line) ?? [];
    if (end === undefined) {
      if (LOST.test(line)) this.#foreign();
      else this.#concerned ||= this.#monitor?.concerns.test(line) === true;
      return;
    }
    this.#counters.changes += 1;
    const ours = this.#options.isOurs(Number(nft ?? xtables));
    if (ours) this.#knowsOurs = true;
    const concerned = this.#concerned;
    this.#concerned = false;
    if (!concerned || ours || (!this.#knowsOurs && this.#watcher?.changing() === true)) return;
    this.#foreign();
  }

  #foreign(): void {
    this.#counters.foreign += 1;
    this.#wanted = true;
    if (this.#signal !== undefined) this.#looking ??= this.#looks(this.#signal);
  }

  async #looks(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (this.#wanted && !signal.aborted) {
      this.#wanted = false;
      this.#counters.looks += 1;
      const begun = clock.monotonic();
      await this.#watcher?.look(signal);
      const rest = begun + LOOK_EVERY_MS - clock.monotonic();
      // Stopping ends the pause, and with it this loop.
      if (rest > 0) await clock.sleep(rest, signal).catch(() => signal.aborted);
    }
    this.#looking = undefined;
  }
}

/** `60 s`, `10 min`. */
function shortly(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
