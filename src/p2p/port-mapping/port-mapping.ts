import { type Clock, repeat, type Timer } from '../../clock.ts';
import { messageOf, TemporaryError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { familyOf, isPublic } from '../../policy/address.ts';
import type { Address } from '../../policy/block-set.ts';
import type { Service } from '../../service.ts';
import { within } from '../deadline.ts';
import type { Mapping, Method } from './method.ts';

export interface PortMappingOptions {
  /** `p2p.portMapping.enabled`; when false nothing is loaded, sent or kept. */
  readonly enabled: boolean;
  /** How long the gateway shall keep the mapping without hearing of us again, milliseconds. Renewed at half of it. */
  readonly leaseMs: number;
  /** The gateways of the default routes, as they are now. */
  readonly gateways: () => readonly Address[];
  /** The addresses on which the overlay listens, as multiaddrs. */
  readonly listening: () => readonly string[];
  /** Where we can be dialled from outside, as a multiaddr; undefined when nowhere any more. Told when it changes. */
  readonly onExternal: (address: string | undefined) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Pauses after failures, growing from the first to the second, milliseconds. Default 5 s to 5 min. */
  readonly retryMs?: { readonly least: number; readonly most: number };
  /** Default: all protocols, loaded at the start. */
  readonly methods?: readonly Method[];
}

/** What came of the mapping so far. */
export interface PortMappingView {
  readonly state: 'off' | 'asking' | 'mapped' | 'failed';
  /** `address:port` outside, while it is mapped. */
  readonly external: string | undefined;
  /** The protocol by which it is mapped. */
  readonly by: Method['name'] | undefined;
  /** When the gateway forgets it unless it is renewed, Unix milliseconds of our wall clock. */
  readonly leaseUntilMs: number | undefined;
  /** Why it failed, or why it could not be renewed while the lease goes on; in words. */
  readonly why: string | undefined;
}

/** For one protocol with one gateway, milliseconds. */
const MAP_MS = 5_000;
const UNMAP_MS = 2_000;
const MAX_GATEWAYS = 4;
const RETRY_MS = { least: 5_000, most: 300_000 };

interface Held {
  readonly mapping: Mapping;
  readonly method: Method;
  /** On the monotonic clock. */
  readonly until: number;
}

/**
 * Asks the gateway for a port of its own, for routers outside the home (overlay.md, "Discovery"): with an explicit lease,
 * renewed at half of it, given back at the end. Off by default.
 */
export class PortMapping implements Service {
  readonly name = 'port mapping';
  readonly #options: PortMappingOptions;
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  #held: Held | undefined;
  #expiry: Timer | undefined;
  #why: string | undefined;
  #told: string | undefined;

  constructor(options: PortMappingOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { enabled, clock, retryMs = RETRY_MS, log } = this.#options;
    if (!enabled) return;
    this.#stop = new AbortController();
    const methods = this.#options.methods ?? (await import('./methods.ts')).allMethods(clock);
    this.#running = repeat((inner) => this.#keep(methods, retryMs.least, inner), {
      clock,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      everyMs: retryMs.least,
      maxMs: retryMs.most,
      onFailure: (error, inARow) => {
        this.#why = messageOf(error);
        if (inARow === 1) log.info({ error: this.#why }, 'the gateway maps no port for us');
      },
    });
  }

  /** Gives the mapping back, within 2 s. */
  async stop(): Promise<void> {
    const { clock, log } = this.#options;
    this.#stop.abort(new Error('the agent stops'));
    await this.#running;
    this.#expiry?.clear();
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    try {
      const work = (signal: AbortSignal) => held.method.unmap(held.mapping, signal);
      await within(clock, UNMAP_MS, new AbortController().signal, held.method.name, work);
    } catch (error) {
      log.info({ error: messageOf(error) }, 'the port could not be given back: its lease ends by itself');
    }
  }

  view(): PortMappingView {
    const { enabled, clock } = this.#options;
    const held = this.#held;
    const waiting = this.#why === undefined ? 'asking' : 'failed';
    return {
      state: !enabled ? 'off' : held === undefined ? waiting : 'mapped',
      external: held && `${held.mapping.externalAddress}:${held.mapping.externalPort}`,
      by: held?.method.name,
      leaseUntilMs: held && Math.round(clock.now() + held.until - clock.monotonic()),
      why: this.#why,
    };
  }

  /** Maps, and waits until it is time to do so again. */
  async #keep(methods: readonly Method[], shortestPause: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const held = await this.#map(methods, signal);
    this.#held = held;
    this.#why = undefined;
    this.#expiry?.clear();
    this.#expiry = clock.after(held.until - clock.monotonic(), () => this.#expired());
    this.#tell();
    await clock.sleep(Math.max(0, held.mapping.leaseMs / 2 - shortestPause), signal);
  }

  #expired(): void {
    this.#held = undefined;
    this.#why ??= 'the lease ended';
    this.#tell();
  }

  #tell(): void {
    const { onExternal, log } = this.#options;
    const mapping = this.#held?.mapping;
    const address = mapping && `/ip4/${mapping.externalAddress}/tcp/${mapping.externalPort}`;
    if (address === this.#told) return;
    this.#told = address;
    log.info(
      { by: this.#held?.method.name },
      address === undefined ? 'no port is mapped any more' : 'a port is mapped',
    );
    onExternal(address);
  }

  /** Asks with what worked last, then with the others. Rejects with what each of them said. */
  async #map(methods: readonly Method[], signal: AbortSignal): Promise<Held> {
    const { clock, leaseMs, listening, gateways } = this.#options;
    const internalPort = listeningPort(listening());
    if (internalPort === undefined)
      throw new TemporaryError('the overlay listens on no IPv4 address that others can reach');
    const usable = gateways().filter((gateway) => familyOf(gateway) === 4);
    if (usable.length === 0) throw new TemporaryError('there is no gateway: no default route for IPv4');
    const last = this.#held?.method;
    const inOrder = last === undefined ? methods : [last, ...methods.filter((method) => method !== last)];
    const reasons: string[] = [];
    for (const gateway of usable.slice(0, MAX_GATEWAYS)) {
      for (const method of inOrder) {
        signal.throwIfAborted();
        const externalPort = this.#held?.mapping.externalPort ?? internalPort;
        const wish = { gateway, internalPort, externalPort, leaseMs };
        const asked = clock.monotonic();
        try {
          const mapping = await within(clock, MAP_MS, signal, method.name, (inner) =>
            method.map(wish, inner),
          );
          if (isPublic(mapping.externalAddress)) return { mapping, method, until: asked + mapping.leaseMs };
          await within(clock, UNMAP_MS, signal, method.name, (inner) => method.unmap(mapping, inner));
          reasons.push(`${method.name}: its address ${mapping.externalAddress} is behind another gateway`);
        } catch (error) {
          signal.throwIfAborted();
          reasons.push(`${method.name}: ${messageOf(error)}`);
        }
      }
    }
    throw new TemporaryError(`the gateway maps no port: ${reasons.join('; ')}`);
  }
}

/** The port of the first IPv4 address over TCP that is not loopback. */
function listeningPort(listening: readonly string[]): number | undefined {
  for (const text of listening) {
    const [, kind, host = '', transport, port = ''] = text.split('/');
    if (kind === 'ip4' && transport === 'tcp' && !host.startsWith('127.') && /^[1-9]\d{0,4}$/.test(port))
      return Number(port);
  }
  return undefined;
}
