import { type Clock, repeat } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../policy/block-set.ts';
import type { Service } from '../service.ts';
import type { Exec } from './exec.ts';
import type { FlowTable } from './flows/flow-table.ts';
import { Tracker } from './flows/tracker.ts';
import type { NodeCache } from './nodes/node-cache.ts';
import { CaptureSource } from './observe/capture-source.ts';
import { ConntrackSource } from './observe/conntrack-source.ts';
import type { SourceHealth } from './observe/facts.ts';
import {
  type InterfaceConfig,
  type Interfaces,
  noInterfaces,
  readInterfaces,
  sameInterfaces,
} from './observe/interfaces.ts';
import { LanGate } from './observe/lan-gate.ts';
import { LeaseSource } from './observe/leases.ts';
import { NeighbourSource } from './observe/neighbour-source.ts';
import type { Reading } from './observe/seen.ts';

export interface ObserverConfig extends InterfaceConfig {
  /** dnsmasq's lease file; none when absent. */
  leases?: string | undefined;
  /** Read names and bindings from frames by tcpdump. */
  captures: boolean;
  /** How often conntrack is read, milliseconds; 2,000 to 5,000 is sensible. */
  pollMs: number;
}

export interface ObserverOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  config: ObserverConfig;
  cache: NodeCache;
  flows: FlowTable;
  /** Told of the interfaces after the first reading and after each change. */
  onInterfaces?: (interfaces: Interfaces) => void;
}

export interface ObserverHealth {
  /** The LAN interfaces; without one no device can be seen. */
  readonly lan: readonly string[];
  /** False as long as the kernel showed no conntrack entry, so that there are no flows to see. */
  readonly tracking: boolean;
  /** What is missing, in words, when something is. */
  readonly why?: string | undefined;
  /** Readings that were not about the LAN. */
  readonly outside: Readonly<Record<string, number>>;
  readonly sources: readonly SourceHealth[];
}

type Source = Service & { health(): SourceHealth };

const INTERFACES_EVERY_MS = 10_000;

/** Everything that looks: keeps the interfaces, runs the sources, feeds the node cache and the flow table. */
export class Observer implements Service {
  readonly name = 'observer';
  readonly #options: ObserverOptions;
  readonly #gate = new LanGate();
  readonly #conntrack: ConntrackSource;
  readonly #sources: readonly Source[];
  readonly #captures = new Map<string, CaptureSource>();
  #interfaces = noInterfaces;
  #known = false;
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #loops: Promise<unknown> | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
    const { exec, clock, log, config, cache, flows } = options;
    const sink = new Tracker(
      {
        isOwn: (address) => this.#interfaces.addresses.has(address),
        isLan: (address) => this.#gate.isInside(address),
        deviceAt: (address) => cache.deviceByAddress(undefined, address),
        remoteAt: (address) => cache.noteRemote(address),
      },
      (news) => flows.sees(news),
    );
    this.#conntrack = new ConntrackSource({ exec, clock, log, pollMs: config.pollMs, sink });
    const neighbours = new NeighbourSource({
      exec,
      clock,
      log,
      onSeen: (seen) => {
        for (const fact of this.#gate.admitAll(seen)) cache.apply(fact);
      },
    });
    const leases =
      config.leases === undefined
        ? []
        : [new LeaseSource({ exec, clock, path: config.leases, onFact: (fact) => this.#take(fact) })];
    this.#sources = [neighbours, ...leases, this.#conntrack];
  }

  /** The newest reading; empty before the first. */
  interfaces(): Interfaces {
    return this.#interfaces;
  }

  /** The MACs of the other routers of the home, which are never devices. Replaces what was said before. */
  exclude(macs: ReadonlySet<Mac>): void {
    this.#gate.exclude(macs);
    this.#options.cache.forget(macs);
  }

  health(): ObserverHealth {
    const sources = [...this.#sources, ...this.#captures.values()].map((source) => source.health());
    const noLan = this.#known && this.#interfaces.lan.length === 0;
    return {
      lan: this.#interfaces.lan.map(({ name }) => name),
      tracking: this.#conntrack.tracking,
      why: noLan
        ? 'no LAN interface was found: this router forwards for no device, or the config has to name its LAN'
        : (this.#lastError ?? this.#conntrack.why),
      outside: { ...this.#gate.counters },
      sources,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock, flows, cache } = this.#options;
    this.#stopper = new AbortController();
    const any = AbortSignal.any([signal, this.#stopper.signal]);
    const failed = (error: unknown) => {
      this.#lastError = messageOf(error);
    };
    // The interfaces come first: without them nothing that is read means anything.
    await this.#look(any).catch(failed);
    any.throwIfAborted();
    for (const source of this.#sources) await source.start(any);
    const again = { clock, signal: any, onFailure: failed };
    let begun = false;
    this.#loops = Promise.all([
      repeat((inner) => this.#look(inner), { ...again, everyMs: INTERFACES_EVERY_MS }),
      repeat(
        async () => {
          // The first round of ageing comes after a full period.
          if (begun) flows.sweep();
          begun = true;
          cache.sweep((id) => flows.holds(id));
        },
        { ...again, everyMs: flows.flowTimeMs, jitter: 0 },
      ),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopper?.abort();
    await this.#loops;
    await Promise.all([...this.#sources, ...this.#captures.values()].map((source) => source.stop()));
    this.#captures.clear();
  }

  #take(reading: Reading): void {
    const fact = this.#gate.admit(reading);
    if (fact !== undefined) this.#options.cache.apply(fact);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { exec, config, log, onInterfaces } = this.#options;
    const found = await readInterfaces(exec, config, signal);
    this.#lastError = undefined;
    if (this.#known && sameInterfaces(found, this.#interfaces)) return;
    this.#known = true;
    this.#interfaces = found;
    this.#gate.set(found);
    log.info({ lan: found.lan.map(({ name }) => name), wan: found.wan }, 'interfaces');
    await this.#setCaptures(found, signal);
    onInterfaces?.(found);
  }

  /** One capture per LAN interface, begun and ended as they come and go. */
  async #setCaptures({ lan }: Interfaces, signal: AbortSignal): Promise<void> {
    const { exec, clock, log, config } = this.#options;
    const wanted = new Set(config.captures ? lan.map(({ name }) => name) : []);
    for (const [name, capture] of this.#captures) {
      if (wanted.has(name)) continue;
      this.#captures.delete(name);
      await capture.stop();
    }
    for (const name of wanted) {
      if (this.#captures.has(name)) continue;
      const onReading = (reading: Reading) => this.#take(reading);
      const capture = new CaptureSource({ exec, clock, log, interface: name, onReading });
      this.#captures.set(name, capture);
      // For as long as the observer lives, not just for this reading.
      await capture.start(signal);
    }
  }
}
