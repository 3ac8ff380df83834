import { type Clock, repeat } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../policy/block-set.ts';
import type { Service } from '../service.ts';
import type { Counter } from './enforce/backend.ts';
import type { Exec } from './exec.ts';
import { DropReader } from './flows/drop-reader.ts';
import { Drops } from './flows/drops.ts';
import type { Places } from './flows/ends.ts';
import type { Drop, Sighting } from './flows/flow.ts';
import type { FlowTable } from './flows/flow-table.ts';
import { PacketTally } from './flows/packet-tally.ts';
import { Tracker } from './flows/tracker.ts';
import type { NodeCache } from './nodes/node-cache.ts';
import { Captures } from './observe/captures.ts';
import { ConntrackSource } from './observe/conntrack-source.ts';
import { Followed } from './observe/external/followed.ts';
import { lanOf } from './observe/external/lan-of.ts';
import { ExternalSource } from './observe/external/source.ts';
import type { AnswerFact, SourceHealth } from './observe/facts.ts';
import {
  forwardsNothingText,
  type InterfaceConfig,
  type Interfaces,
  noInterfaces,
  readInterfaces,
  sameInterfaces,
} from './observe/interfaces.ts';
import { LanGate } from './observe/lan-gate.ts';
import { LeaseSource } from './observe/leases.ts';
import { NeighbourSource } from './observe/neighbour-source.ts';
import { QueryLogSource } from './observe/query-log-source.ts';
import type { Reading } from './observe/seen.ts';

export interface ObserverConfig extends InterfaceConfig {
  /** dnsmasq's lease file; none when absent. */
  leases?: string | undefined;
  /** Read names and bindings from frames by tcpdump. */
  captures: boolean;
  /** Names of TLS servers from frames as well; default false. */
  sni?: boolean | undefined;
  /** dnsmasq's log of queries; none when absent. */
  queryLog?: string | undefined;
  /** Where another program tells what it sees; nowhere when absent. */
  external?: { readonly port?: number | undefined; readonly socket?: string | undefined } | undefined;
  /** How often conntrack is read, milliseconds; 2,000 to 5,000 is sensible. */
  pollMs: number;
  /** Have the kernel track connections where nothing else makes it; default false. */
  track?: boolean | undefined;
}

export interface ObserverOptions {
  exec: Exec;
  clock: Clock;
  log: Log;
  config: ObserverConfig;
  cache: NodeCache;
  flows: FlowTable;
  /**
   * News of flows; the table alone takes them by default. `earlier`: what the kernel had counted before this observer began to
   * look, of which an earlier run may have told already.
   */
  onSighting?: ((news: Sighting, earlier: boolean) => void) | undefined;
  /** What blocks drop: how to read the kernel's counters, and whom to tell. */
  drops?:
    | {
        readonly read: (signal: AbortSignal) => Promise<readonly Counter[] | undefined>;
        readonly onDrop: (drop: Drop) => void;
        /** What was added to a counter. */
        readonly onCounted?: (added: Counter) => void;
      }
    | undefined;
  /** Told of every answer to a name, after the node cache knows it. */
  onAnswer?: ((fact: AnswerFact) => void) | undefined;
  /** Told of the interfaces after the first reading and after each change. */
  onInterfaces?: (interfaces: Interfaces) => void;
}

export interface ObserverHealth {
  /** The LAN interfaces; without one no device can be seen. */
  readonly lan: readonly string[];
  /** Undefined while this router forwards; else why it does not and what it sees all the same, in words. */
  readonly forwardsNothing?: string | undefined;
  /** False as long as the kernel showed no conntrack entry, so that there are no flows to see. */
  readonly tracking: boolean;
  /** The families that the kernel tracks because of a rule of ours, in words. */
  readonly trackedByRule: readonly string[];
  /** What is missing, in words, when something is. */
  readonly why?: string | undefined;
  /** Readings that were not about the LAN. */
  readonly outside: Readonly<Record<string, number>>;
  readonly sources: readonly SourceHealth[];
}

type Source = Service & { health(): SourceHealth };

const INTERFACES_EVERY_MS = 10_000;
/** A device's first connection is known to the kernel's reader by then: what it counts is not taken from elsewhere too. */
const EXTERNAL_HOLD_MS = 3_000;

/** Everything that looks: keeps the interfaces, runs the sources, feeds the node cache and the flow table. */
export class Observer implements Service {
  readonly name = 'observer';
  readonly #options: ObserverOptions;
  readonly #gate = new LanGate((mac) => this.#options.cache.forget([mac]));
  readonly #places: Places;
  readonly #tally: PacketTally;
  readonly #conntrack: ConntrackSource;
  readonly #captures: Captures;
  readonly #sources: readonly Source[];
  #interfaces = noInterfaces;
  #known = false;
  #lastError: string | undefined;
  #stopper: AbortController | undefined;
  #loops: Promise<unknown> | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
    const { exec, clock, log, config, cache, flows, drops } = options;
    const onReading = (reading: Reading) => this.#take(reading);
    const onSighting = options.onSighting ?? ((news: Sighting) => flows.sees(news));
    this.#places = {
      isOwn: (address) => this.#interfaces.addresses.has(address),
      isLan: (address) => this.#gate.isInside(address),
      deviceAt: (address) => cache.deviceByAddress(undefined, address),
      remoteAt: (address) => cache.noteRemote(address),
    };
    const reach = { exec, clock, log };
    const followed = new Followed(clock, this.#places);
    const tracker: Tracker = new Tracker(this.#places, (news) => onSighting(news, !tracker.settled));
    const { external = {}, leases, queryLog } = config;
    const isExternal = external.port !== undefined || external.socket !== undefined;
    const sink = isExternal ? followed.beside(tracker) : tracker;
    this.#tally = new PacketTally(this.#places, (news) => onSighting(news, false));
    this.#conntrack = new ConntrackSource({
      ...reach,
      pollMs: config.pollMs,
      track: config.track ?? false,
      sink,
    });
    this.#captures = new Captures({ ...reach, sni: config.sni ?? false, onReading });
    const onSeen = (seen: readonly Reading[]) => {
      for (const fact of this.#gate.admitAll(seen)) cache.apply(fact);
    };
    const sources: (Source | undefined)[] = [
      new NeighbourSource({ ...reach, onSeen }),
      leases === undefined ? undefined : new LeaseSource({ exec, clock, path: leases, onFact: onReading }),
      queryLog === undefined
        ? undefined
        : new QueryLogSource({ ...reach, path: queryLog, onFact: onReading }),
      this.#conntrack,
      isExternal
        ? new ExternalSource({
            ...reach,
            ...external,
            holdMs: config.pollMs + EXTERNAL_HOLD_MS,
            interfaceOf: (address) => lanOf(this.#interfaces, address),
            isFollowed: (address) => followed.has(address),
            onPacket: (packet) => this.#tally.sees(packet),
            onReading,
          })
        : undefined,
      drops && new DropReader({ clock, drops: new Drops(this.#places, drops.onCounted), ...drops }),
    ];
    this.#sources = sources.filter((source) => source !== undefined);
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
    const sources = [...this.#sources.map((source) => source.health()), ...this.#captures.health()];
    const noLan = this.#known && this.#interfaces.lan.length === 0;
    return {
      lan: this.#interfaces.lan.map(({ name }) => name),
      forwardsNothing: this.#known ? forwardsNothingText(this.#interfaces) : undefined,
      tracking: this.#conntrack.tracking,
      trackedByRule: this.#conntrack.trackedByRule,
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
      repeat(() => this.#look(any), { ...again, everyMs: INTERFACES_EVERY_MS }),
      repeat(
        async (inner) => {
          // The first round of ageing comes after a full period.
          if (begun) await this.#age(inner);
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
    await Promise.all([this.#captures.stop(), ...this.#sources.map((source) => source.stop())]);
  }

  #take(reading: Reading): void {
    const fact = this.#gate.admit(reading);
    if (fact === undefined) return;
    this.#options.cache.apply(fact);
    if (fact.kind === 'answer') this.#options.onAnswer?.(fact);
  }

  /** In slices: a round in which everything goes would hold up all else for a tenth of a second. */
  async #age(signal: AbortSignal): Promise<void> {
    const { clock, flows } = this.#options;
    this.#tally.sweep();
    for (let from: number | undefined = 0; from !== undefined; ) {
      from = flows.sweepFrom(from);
      if (from !== undefined) await clock.sleep(0, signal);
    }
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
    if (config.captures) await this.#captures.follow(found, signal);
    onInterfaces?.(found);
  }
}
