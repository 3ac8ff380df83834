import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import { type Exec, Supervised } from '../exec.ts';
import type { AddressReader } from './address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from './conntrack.ts';
import { LineSplitter } from './lines.ts';
import { tryRun } from './try-run.ts';

/** No family is named: events of both come. A larger buffer (-b) is taken by 1.4.7 and does nothing for events. */
const ARGV = ['conntrack', '-E', '-o', 'timestamp,id,extended', '-e', 'NEW,DESTROY'];
/** conntrack(8) writes each event by itself; gathered, they cost half. */
const GATHER_MS = 20;
/** How many readings pass between two looks at what was lost; fewer when something was. A look starts a command. */
const [LOOK_EVERY, LOOK_AFTER_LOSS] = [30, 5];

export interface ConntrackEventsOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  addresses: AddressReader;
  onEvent: (entry: ConntrackEntry) => void;
}

/**
 * The kernel's news of connections, as they begin and end. Under load the kernel drops some: that is counted, and the next
 * reading makes up for it. Older versions of conntrack(8) end when that happens, and are started again.
 */
export class ConntrackEvents implements Service {
  readonly name = 'conntrack events';
  readonly #options: ConntrackEventsOptions;
  readonly #supervised: Supervised;
  readonly #lines = new LineSplitter((line) => this.#take(line));
  readonly #counters = { events: 0, eventsIgnored: 0, overruns: 0, eventsLost: 0 };
  /** The child whose losses were looked at last, its sockets (inodes), and what they had lost by then. */
  #looked: { pid: number; sockets: ReadonlySet<string>; lost: number } | undefined;
  #untilLook = 0;
  #complaint: string | undefined;

  constructor(options: ConntrackEventsOptions) {
    this.#options = options;
    const { exec, clock, log } = options;
    this.#supervised = new Supervised({
      exec,
      clock,
      log,
      name: this.name,
      argv: ARGV,
      onData: (chunk) => this.#lines.push(chunk),
      gatherMs: GATHER_MS,
      onErrorLine: (line) => this.#complain(line),
      onStart: () => this.#lines.reset(),
    });
  }

  get restarts(): number {
    return this.#supervised.restarts;
  }

  /** Why no events come, when they do not; undefined while they do. */
  get why(): string | undefined {
    return this.#supervised.pid === undefined ? this.#complaint : undefined;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, eventsIgnored: this.#counters.eventsIgnored + this.#lines.dropped };
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#supervised.start(signal);
  }

  stop(): Promise<void> {
    return this.#supervised.stop();
  }

  /**
   * Adds what the kernel had to drop to the counter, now and then: the column `Drops` of the child's netlink sockets.
   * Where the child runs elsewhere its process id means nothing, and only `overruns` tells.
   */
  async lookForLosses(signal: AbortSignal): Promise<void> {
    const { pid } = this.#supervised;
    if (pid === undefined || this.#options.exec.elsewhere !== undefined || this.#untilLook-- > 0) return;
    this.#untilLook = LOOK_EVERY;
    const run = async (...argv: string[]) =>
      (await tryRun(this.#options.exec, argv, { timeoutMs: 5_000, signal })).stdout;
    if (this.#looked?.pid !== pid) {
      this.#looked = { pid, sockets: socketsOf(await run('ls', '-l', `/proc/${pid}/fd`)), lost: 0 };
    }
    const lost = dropsOf(await run('cat', `/proc/${pid}/net/netlink`), this.#looked.sockets);
    this.#counters.eventsLost += Math.max(0, lost - this.#looked.lost);
    this.#looked.lost = lost;
  }

  #take(line: string): void {
    const entry = parseConntrackLine(line, this.#options.addresses);
    if (entry?.event === undefined) this.#counters.eventsIgnored += 1;
    else {
      this.#counters.events += 1;
      this.#options.onEvent(entry);
    }
  }

  #complain(line: string): void {
    if (line.includes('ENOBUFS') || line.includes('No buffer space')) {
      this.#counters.overruns += 1;
      this.#untilLook = Math.min(this.#untilLook, LOOK_AFTER_LOSS);
    } else if (line.trim() !== '' && !line.includes('have been shown')) this.#complaint = line;
  }
}

/** Inodes of the sockets in `ls -l /proc/<pid>/fd`. */
export function socketsOf(listing: string): ReadonlySet<string> {
  return new Set(Array.from(listing.matchAll(/ -> socket:\[(\d{1,20})\]/g), (match) => match[1] ?? ''));
}

/** What the kernel dropped for these sockets: /proc/net/netlink ends its lines with `Drops Inode` (af_netlink.c). */
export function dropsOf(table: string, sockets: ReadonlySet<string>): number {
  let drops = 0;
  for (const line of table.split('\n')) {
    const [, dropped = '', inode = ''] = / (\d{1,10}) +(\d{1,20}) *$/.exec(line) ?? [];
    if (sockets.has(inode)) drops += Number(dropped);
  }
  return drops;
}
