import { type Clock, repeat } from '../../clock.ts';
import { messageOf, UnavailableError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Service } from '../../service.ts';
import type { Exec } from '../exec.ts';
import { AddressReader } from './address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from './conntrack.ts';
import type { SourceHealth } from './facts.ts';
import { LineSplitter } from './lines.ts';
import { putBackSysctls, type SysctlChange, setSysctls } from './sysctls.ts';

/** How the kernel's entries can be read. Older versions of conntrack list IPv4 alone when no family is named. */
const READERS = [
  {
    name: 'conntrack',
    readings: [
      { argv: ['conntrack', '-L', '-o', 'extended,id', '-f', 'ipv4'], families: new Set([4 as const]) },
      { argv: ['conntrack', '-L', '-o', 'extended,id', '-f', 'ipv6'], families: new Set([6 as const]) },
    ],
  },
  {
    name: '/proc',
    readings: [{ argv: ['cat', '/proc/net/nf_conntrack'], families: new Set([4 as const, 6 as const]) }],
  },
];
type Reading = (typeof READERS)[number]['readings'][number];

/** One reading of a full table takes a fraction of a second. */
const DEADLINE_MS = 20_000;
const RETRY_READINGS = 30;

/** Where the entries go. */
export interface EntrySink {
  readonly counters: Readonly<Record<string, number>>;
  /** Entries that are followed now. */
  readonly size: number;
  /** A reading begins. */
  begin(): void;
  /** One entry of the reading. */
  note(entry: ConntrackEntry): void;
  /** The reading of these families is complete: what was not in it has ended. Not called after half a reading. */
  end(families: ReadonlySet<4 | 6>): void;
}

export interface ConntrackSourceOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  pollMs: number;
  sink: EntrySink;
}

/** Reads the kernel's connections again and again, streamed, for the sink to find what is new. */
export class ConntrackSource implements Service {
  readonly name = 'conntrack';
  readonly #options: ConntrackSourceOptions;
  readonly #addresses = new AddressReader();
  readonly #counters = { readings: 0, entries: 0, ignored: 0, failures: 0 };
  #reader = READERS[0];
  /** A reader that has worked is kept: another one would call the same entries by other names. */
  #settled = false;
  #tracked = false;
  #changed: SysctlChange[] = [];
  #refused: string[] = [];
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: ConntrackSourceOptions) {
    this.#options = options;
  }

  /** False as long as the kernel showed no entry at all. */
  get tracking(): boolean {
    return this.#tracked;
  }

  /** Why there are no flows, or no counters in them. */
  get why(): string | undefined {
    if (!this.#tracked && this.#settled) {
      return 'the kernel has shown no connection: it tracks only where NAT or a "ct state" rule asks for it';
    }
    if (!this.#tracked) return this.#lastError ?? 'not read yet';
    if (this.#refused.length > 0) return `could not set ${this.#refused.join(', ')}: flows may lack counters`;
    return undefined;
  }

  health(): SourceHealth {
    const { sink } = this.#options;
    return {
      name: `${this.name} (${this.#reader?.name})`,
      running: this.#settled && this.#lastError === undefined,
      restarts: 0,
      counters: { ...this.#counters, ...sink.counters, followed: sink.size },
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
    const changed = this.#changed.splice(0);
    await putBackSysctls(this.#options.exec, changed);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    await this.#prepare(signal);
    const { sink } = this.#options;
    sink.begin();
    let entries = 0;
    for (const reading of this.#reader?.readings ?? []) {
      entries += await this.#read(reading, signal);
      sink.end(reading.families);
    }
    this.#counters.readings += 1;
    this.#counters.entries = entries;
    this.#tracked ||= entries > 0;
    this.#settled = true;
    this.#lastError = undefined;
  }

  async #read({ argv }: Reading, signal: AbortSignal): Promise<number> {
    const { exec, clock, sink } = this.#options;
    let entries = 0;
    const lines = new LineSplitter((line) => {
      const entry = parseConntrackLine(line, this.#addresses);
      if (entry === undefined) this.#counters.ignored += 1;
      else {
        entries += 1;
        sink.note(entry);
      }
    });
    const child = exec.open(argv, signal);
    const deadline = clock.after(DEADLINE_MS, () => child.kill());
    let complaint = '';
    child.stdin.end();
    child.stdout.on('data', (chunk: Buffer) => lines.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString('utf8')).slice(-500);
    });
    const { code, why } = await child.exited;
    deadline.clear();
    signal.throwIfAborted();
    if (code !== 0) throw new UnavailableError(`${argv[0]}: ${complaint.trim() || why}`);
    lines.end();
    return entries;
  }

  /** Counting is off by default. What could not be set is tried again now and then: the module may come later. */
  async #prepare(signal: AbortSignal): Promise<void> {
    const { exec, log } = this.#options;
    if (this.#counters.readings % RETRY_READINGS !== 0) return;
    if (this.#settled && this.#refused.length === 0) return;
    const before = { changed: this.#changed.length, refused: this.#refused.length };
    this.#refused = await setSysctls(exec, this.#changed, signal);
    if (this.#changed.length > before.changed) {
      log.info({ set: this.#changed.map(({ key }) => key) }, 'kernel settings were changed');
    }
    if (this.#refused.length > before.refused) {
      log.warn({ refused: this.#refused }, 'kernel settings could not be changed');
    }
  }
}
