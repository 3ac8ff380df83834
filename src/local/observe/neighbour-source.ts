import { type Clock, repeat } from '../../clock.ts';
import { messageOf, UnavailableError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import { type Exec, Supervised } from '../exec.ts';
import type { SourceHealth } from './facts.ts';
import { LineSplitter } from './lines.ts';
import { NeighbourTable } from './neighbour-table.ts';
import { parseArpLine, parseNeighbourLine } from './neighbours.ts';
import type { Seen } from './seen.ts';
import { tryRun } from './try-run.ts';

export interface NeighbourSourceOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  /** How often the table is read beside the news of it. Default 10 s. */
  everyMs?: number;
  /** A whole reading, or a single piece of news. */
  onSeen: (seen: readonly Seen[]) => void;
}

/** So often it is read where there is no news of it, or after news may have been missed. */
const OFTEN_MS = 2_500;
/** What an `ip` says that cannot monitor: BusyBox', or a very old one. */
const NO_MONITOR = /^BusyBox|^Usage:|is unknown|invalid argument/i;

/**
 * The kernel's neighbour table: read again and again, with `ip monitor neigh` beside it for what changes between. Whether
 * there is an `ip`, and one that can monitor, is found by trying: else the table is read more often, by `ip` or from
 * /proc/net/arp, which knows IPv4 only.
 */
export class NeighbourSource implements Service {
  readonly name = 'neighbours';
  readonly #options: NeighbourSourceOptions;
  readonly #table = new NeighbourTable();
  readonly #monitor: Supervised;
  readonly #lines: LineSplitter;
  readonly #counters = { readings: 0, news: 0, ignored: 0, failures: 0, arpOnly: 0 };
  /** When the table was read last, monotonic milliseconds. */
  #readAt = Number.NEGATIVE_INFINITY;
  #polled = false;
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: NeighbourSourceOptions) {
    this.#options = options;
    this.#lines = new LineSplitter((line) => this.#news(line));
    this.#monitor = new Supervised({
      exec: options.exec,
      clock: options.clock,
      log: options.log,
      name: 'ip monitor neigh',
      argv: ['ip', 'monitor', 'neigh'],
      onData: (chunk) => this.#lines.push(chunk),
      onErrorLine: (line) => {
        if (NO_MONITOR.test(line)) this.#pollOnly();
        else this.#lastError = line;
      },
      onStart: () => {
        this.#lines.reset();
        this.#readAt = Number.NEGATIVE_INFINITY;
      },
    });
  }

  health(): SourceHealth {
    return {
      name: this.name,
      running: this.#counters.readings > 0 && (this.#polled || this.#monitor.pid !== undefined),
      restarts: this.#monitor.restarts,
      counters: {
        ...this.#counters,
        polledOnly: this.#polled ? 1 : 0,
        known: this.#table.size,
        dropped: this.#table.dropped + this.#lines.dropped,
      },
      lastError: this.#lastError,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopper = new AbortController();
    const any = AbortSignal.any([signal, this.#stopper.signal]);
    await this.#monitor.start(any);
    this.#polling = repeat((inner) => this.#read(inner), {
      clock: this.#options.clock,
      signal: any,
      everyMs: OFTEN_MS,
      maxMs: 60_000,
      onFailure: (error) => {
        this.#counters.failures += 1;
        this.#lastError = messageOf(error);
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    await this.#monitor.stop();
    await this.#polling;
  }

  /** There will be no news: nothing is left to supervise. */
  #pollOnly(): void {
    if (this.#polled) return;
    this.#polled = true;
    void this.#monitor.stop();
  }

  #news(line: string): void {
    const entry = parseNeighbourLine(line);
    if (entry === undefined) {
      if (line.trim() !== '') this.#counters.ignored += 1;
      return;
    }
    this.#counters.news += 1;
    const seen = this.#table.note(entry, true);
    if (seen !== undefined) this.#options.onSeen([seen]);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { exec, clock, onSeen, everyMs = 10_000 } = this.#options;
    await exec.elsewhere?.untilReached(signal);
    // A tick comes a little early or late.
    if (!this.#polled && clock.monotonic() - this.#readAt < everyMs - OFTEN_MS / 2) return;
    const begun = clock.monotonic();
    this.#table.beginReading();
    const options = { timeoutMs: 5_000, signal };
    let parse = parseNeighbourLine;
    let result = await tryRun(exec, ['ip', 'neigh', 'show'], options);
    if (result.code !== 0) {
      // Where `ip` is not even installed, it cannot monitor either.
      if (result.code === 127) this.#pollOnly();
      this.#counters.arpOnly += 1;
      parse = parseArpLine;
      result = await tryRun(exec, ['cat', '/proc/net/arp'], options);
    }
    if (result.code !== 0) {
      throw new UnavailableError(`cannot read the neighbours: ${result.stderr.trim().slice(0, 200)}`);
    }
    const lines = result.stdout.split('\n').filter((line) => line.trim() !== '');
    const entries = lines.map((line) => parse(line)).filter((entry) => entry !== undefined);
    this.#counters.ignored += lines.length - entries.length;
    this.#counters.readings += 1;
    this.#readAt = begun;
    this.#lastError = undefined;
    onSeen(this.#table.reading(entries));
  }
}
