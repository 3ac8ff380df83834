/** Watching the streams of the demo: those that are blocked must not arrive, all others must. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Telling } from './report.ts';
import type { Traffic } from './streams.ts';

/** How long streams are watched before something is said of them. */
const WATCH_MS = 1500;

export type Counts = Readonly<Record<string, number>>;

export class Watch {
  /** Packets of blocked streams that arrived, in all watches. */
  leaked = 0;
  /** Whether in every watch every other stream arrived. */
  flowing = true;
  readonly #traffic: Traffic;
  readonly #tell: Telling;
  readonly #blocked: readonly string[];
  readonly #others: readonly string[];

  /** @param blocked the names of the streams that must not arrive */
  constructor(traffic: Traffic, tell: Telling, blocked: readonly string[]) {
    this.#traffic = traffic;
    this.#tell = tell;
    this.#blocked = blocked;
    this.#others = traffic.streams.map(({ name }) => name).filter((name) => !blocked.includes(name));
  }

  /** Before anything is blocked: every stream arrives. */
  async allFlow(signal: AbortSignal): Promise<void> {
    const came = await this.#came(await this.#traffic.arrived(), signal);
    const silent = Object.keys(came).filter((name) => came[name] === 0);
    const detail =
      silent.length === 0 ? `${Object.keys(came).length} streams` : `silent: ${silent.join(', ')}`;
    this.#tell.check('everything flows before the block', silent.length === 0, detail);
  }

  /** Checks what arrived since `before`, until 1.5 s from now. */
  async isCut(what: string, before: Counts, signal: AbortSignal): Promise<void> {
    const came = await this.#came(before, signal);
    const leaks = this.#blocked.filter((name) => came[name] !== 0);
    const passed = this.#others.filter((name) => came[name] !== 0);
    const allPass = passed.length === this.#others.length;
    this.leaked += sum(came, leaks);
    this.flowing &&= allPass;
    this.#tell.check(
      what,
      leaks.length === 0 && allPass,
      `${sum(came, leaks)} blocked packets got through${leaks.length > 0 ? ` (${leaks.join(', ')})` : ''}; ` +
        `${passed.length} of ${this.#others.length} other streams went on (${sum(came, passed)} packets)`,
    );
  }

  async #came(before: Counts, signal: AbortSignal): Promise<Counts> {
    await sleep(WATCH_MS, undefined, { signal });
    const after = await this.#traffic.arrived();
    return Object.fromEntries(
      Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]),
    );
  }
}

const sum = (counts: Counts, names: readonly string[]) =>
  names.reduce((total, name) => total + (counts[name] ?? 0), 0);
