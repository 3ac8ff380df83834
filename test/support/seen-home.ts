import { FLUSH_MS, History, type HistoryOptions, type ReadRequest } from '../../src/local/history/history.ts';
import type { SummaryRow } from '../../src/local/history/summary.ts';
import { silentLog } from '../../src/log.ts';
import { memorySeenHours } from '../../src/store/seen-hours.ts';
import { memorySeenDatabase, memorySeenStore } from '../../src/store/seen-memory.ts';
import { FakeClock } from './fake-clock.ts';

/** So far apart that no reading leaves anything out. */
const ALL = { from: 0, to: 0xff_ff_ff_ff, top: 1_000_000, classOf: (id: string) => [id] };

/** An id that looks like one. */
export function nodeId(number: number): string {
  return number.toString(16).padStart(32, '0');
}

/** A history over a disk in memory, with restarts and crashes, on a clock of its own. */
export class SeenHome {
  readonly clock = new FakeClock(Date.UTC(2026, 10, 21, 12));
  readonly files = new Map<string, Uint8Array>();
  readonly database = memorySeenDatabase();
  trusted = true;
  history: History;
  readonly #options: Partial<HistoryOptions>;

  constructor(options: Partial<HistoryOptions> = {}) {
    this.#options = options;
    this.history = this.#make();
  }

  async start(): Promise<void> {
    await this.history.start(new AbortController().signal);
    await this.clock.advance(1);
  }

  /** What is new goes to the disk. */
  async flush(): Promise<void> {
    await this.clock.advance(FLUSH_MS + 20_000);
  }

  async restart(): Promise<void> {
    await this.history.stop();
    this.history = this.#make();
    await this.start();
  }

  /** The next run begins with what is on the disk; the one before writes nothing more. */
  async crash(): Promise<void> {
    const [files, content] = [new Map(this.files), new Map(this.database.content)];
    await this.history.stop();
    for (const [kept, was] of [
      [this.files, files],
      [this.database.content, content],
    ] as const) {
      kept.clear();
      for (const [name, value] of was) kept.set(name, value);
    }
    this.history = this.#make();
    await this.start();
  }

  async read(request: Partial<ReadRequest> = {}) {
    return await this.history.read({ ...ALL, by: 'pair', ...request }, AbortSignal.timeout(60_000));
  }

  /** `device other` → amounts, in a form that is easily compared. */
  async pairs(request: Partial<ReadRequest> = {}): Promise<Record<string, number[]>> {
    const { rows } = await this.read({ by: 'pair', ...request });
    return Object.fromEntries(rows.map((row) => [`${row.device} ${row.other}`, amounts(row)]).sort());
  }

  #make(): History {
    return new History({
      store: memorySeenStore(this.database),
      hours: memorySeenHours(this.files),
      clock: this.clock,
      log: silentLog,
      trusted: () => this.trusted,
      days: 90,
      textOf: (id) => `text of ${Number.parseInt(id, 16)}`,
      ...this.#options,
    });
  }
}

/** Bytes up and down, packets up and down, begun, blocked packets and bytes. */
export function amounts({ up, down, begun, blocked }: Omit<SummaryRow, 'device' | 'other' | 'at'>): number[] {
  return [up.bytes, down.bytes, up.packets, down.packets, begun, blocked.packets, blocked.bytes];
}
