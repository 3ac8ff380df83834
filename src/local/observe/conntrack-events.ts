import type { Clock } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import { type Exec, Supervised } from '../exec.ts';
import type { AddressReader } from './address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from './conntrack.ts';
import { LineSplitter } from './lines.ts';
import { tryRun } from './try-run.ts';

/** No family is named: events of both come. A larger buffer (-b) is taken by 1.4.7 and does nothing for events. */
const argvOf = (begins: boolean) => ['conntrack', '-E', '-o', 'id', '-e', begins ? 'NEW,DESTROY' : 'DESTROY'];
/** conntrack(8) writes each event by itself; gathered, they cost half. */
const GATHER_MS = 20;
/**
 * So many begins within this time are more than is worth it: a reading tells of them soon enough, with what they carried, at a
 * third of the cost. They are heard again after a rest, as many readings.
 */
const [MANY_BEGINS, WITHIN_MS, REST_READINGS] = [500, 1_000, 15];
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
 *
 * Begins make a flow appear at once; ends bring counters that no reading would show. Where very many begin only their ends are
 * heard, by another child: what is lost between the two is made up for like anything lost.
 */
export class ConntrackEvents implements Service {
  readonly name = 'conntrack events';
  readonly #options: ConntrackEventsOptions;
  #supervised: Supervised;
  readonly #lines = new LineSplitter((line) => this.#take(line));
  readonly #counters = { events: 0, eventsIgnored: 0, overruns: 0, eventsLost: 0, beginsLeft: 0 };
  #signal: AbortSignal | undefined;
  #changing: Promise<void> = Promise.resolve();
  /** Restarts of the children before the present one. */
  #restarts = 0;
  /** Begins since a moment (monotonic milliseconds). */
  #begins = 0;
  #since = 0;
  /** Readings until begins are heard again; undefined while they are. */
  #rest: number | undefined;
  /** The child whose losses were looked at last, its sockets (inodes), and what they had lost by then. */
  #looked: { pid: number; sockets: ReadonlySet<string>; lost: number } | undefined;
  #untilLook = 0;
  #complaint: string | undefined;

  constructor(options: ConntrackEventsOptions) {
    this.#options = options;
    this.#supervised = this.#listener(true);
  }

  get restarts(): number {
    return this.#restarts + this.#supervised.restarts;
  }

  /** Why no events come, when they do not; undefined while they do. */
  get why(): string | undefined {
    return this.#supervised.pid === undefined ? this.#complaint : undefined;
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...this.#counters, eventsIgnored: this.#counters.eventsIgnored + this.#lines.dropped };
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await this.#supervised.start(signal);
  }

  async stop(): Promise<void> {
    this.#signal = undefined;
    await this.#changing;
    await this.#supervised.stop();
    this.#rest = undefined;
    this.#replace(true);
  }

  /** To be called after each reading. */
  async afterReading(signal: AbortSignal): Promise<void> {
    if (this.#rest !== undefined && --this.#rest <= 0) {
      this.#rest = undefined;
      this.#listenTo(true);
    }
    await this.#lookForLosses(signal);
  }

  /**
   * Adds what the kernel had to drop to the counter, now and then: the column `Drops` of the child's netlink sockets.
   * Where the child runs elsewhere its process id means nothing, and only `overruns` tells.
   */
  async #lookForLosses(signal: AbortSignal): Promise<void> {
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

  #listener(begins: boolean): Supervised {
    const { exec, clock, log } = this.#options;
    const listener: Supervised = new Supervised({
      exec,
      clock,
      log,
      name: this.name,
      argv: argvOf(begins),
      // What one child leaves behind must not come between the lines of the next.
      onData: (chunk) => {
        if (listener === this.#supervised) this.#push(chunk);
      },
      gatherMs: GATHER_MS,
      onErrorLine: (line) => this.#complain(line),
      onStart: () => this.#lines.reset(),
    });
    return listener;
  }

  /** One child ends before the next begins: events keep their order. */
  #listenTo(begins: boolean): void {
    this.#changing = this.#changing.then(async () => {
      await this.#supervised.stop();
      const signal = this.#signal;
      if (signal === undefined) return;
      this.#replace(begins);
      await this.#supervised.start(signal);
    });
  }

  #replace(begins: boolean): void {
    this.#restarts += this.#supervised.restarts;
    this.#supervised = this.#listener(begins);
  }

  #push(chunk: Buffer): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#since >= WITHIN_MS) [this.#begins, this.#since] = [0, now];
    this.#lines.push(chunk);
    if (this.#begins < MANY_BEGINS || this.#rest !== undefined) return;
    this.#rest = REST_READINGS;
    this.#counters.beginsLeft += 1;
    this.#listenTo(false);
  }

  #take(line: string): void {
    const entry = parseConntrackLine(line, this.#options.addresses);
    if (entry?.event === undefined) {
      this.#counters.eventsIgnored += 1;
      return;
    }
    this.#counters.events += 1;
    if (entry.event === 'NEW') this.#begins += 1;
    this.#options.onEvent(entry);
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
