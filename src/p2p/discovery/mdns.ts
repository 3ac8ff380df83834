import { type Clock, repeat } from '../../clock.ts';
import type { Log } from '../../log.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Service } from '../../service.ts';
import { Counters, type NetworkStats } from '../counters.ts';
import { type Announcement, type HomeTag, homeTag, MAX_ADDRESSES } from './announcement.ts';
import { addressToSpeakFrom, dialableOn, type InterfaceAddresses, onLink } from './interface-addresses.ts';
import { type OpenMdns, openMdns } from './mdns-socket.ts';
import { MdnsTalk } from './mdns-talk.ts';

export interface MdnsOptions {
  readonly self: PeerKey;
  /** The home's pre-shared key, 32 bytes. */
  readonly psk: Uint8Array;
  /** The interfaces to speak on, as they are now (interface-addresses.ts); at most {@link MAX_INTERFACES} are. */
  readonly interfaces: () => readonly InterfaceAddresses[];
  /** The addresses on which the overlay listens now, as multiaddrs; wildcards are good. */
  readonly listening: () => readonly string[];
  /**
   * A router of the home can be dialled at these multiaddrs, as it says itself: told every time that it says so, once a minute
   * and more often. Whoever has the pre-shared key can say it, and anybody on the subnet can say it again later: a hint.
   */
  readonly onFound: (peer: PeerKey, addresses: readonly string[]) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 ≤ random < 1; default Math.random. */
  readonly random?: () => number;
  /** Default: sockets of the system. */
  readonly open?: OpenMdns;
}

export const MAX_INTERFACES = 32;
/** How often the interfaces are looked at, milliseconds. */
const LOOK_MS = 2_000;

interface Spot {
  readonly talk: MdnsTalk;
  at: InterfaceAddresses;
  isOnLink: (source: string) => boolean;
  /** What we said there of ourselves. */
  said: string;
}

/**
 * Finds the routers of the home on the subnets of this router, and is found there, by multicast DNS (RFC 6762) under a name
 * that only they know (docs/protocol.md, "Finding each other"). Nothing here ends the agent: what does not work is told in
 * `problems()` and tried again.
 */
export class Mdns implements Service {
  readonly name = 'discovery';
  readonly #options: MdnsOptions;
  readonly #tag: HomeTag;
  readonly #counters = new Counters();
  readonly #spots = new Map<string, Spot>();
  #stop = new AbortController();
  #beyond = 0;

  constructor(options: MdnsOptions) {
    this.#options = options;
    this.#tag = homeTag(options.psk);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stop = new AbortController();
    const running = AbortSignal.any([signal, this.#stop.signal]);
    void repeat(() => this.#look(running), {
      clock: this.#options.clock,
      signal: running,
      everyMs: LOOK_MS,
      onFailure: (error) => this.#options.log.warn({ error: String(error) }, 'the interfaces cannot be read'),
    });
  }

  /** Says goodbye wherever that works. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the agent stops'));
    const talks = [...this.#spots.values()].map(({ talk }) => talk.stop(true));
    this.#spots.clear();
    await Promise.all(talks);
  }

  /** Where it does not work and why, in words. */
  problems(): readonly string[] {
    const failing = [...this.#spots.values()].flatMap(({ talk, at }) =>
      talk.problem === undefined
        ? []
        : [`routers of the home are not looked for on ${at.name}: ${talk.problem}`],
    );
    const beyond = `mDNS speaks on ${MAX_INTERFACES} interfaces only; ${this.#beyond} more are left out`;
    return [...new Set(failing), ...(this.#beyond === 0 ? [] : [beyond])];
  }

  /** How many interfaces it speaks on now. */
  get interfaces(): number {
    return new Set([...this.#spots.values()].map(({ at }) => at.name)).size;
  }

  stats(): NetworkStats {
    return this.#counters.snapshot();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const all = this.#options.interfaces();
    this.#beyond = Math.max(0, all.length - MAX_INTERFACES);
    const places = all.slice(0, MAX_INTERFACES).flatMap((at) =>
      ([4, 6] as const).flatMap((family) => {
        const address = addressToSpeakFrom(at, family);
        // The system joins the group by the IPv4 address, so with another one it is another place.
        const key = `${at.name}/${family}${family === 4 ? `/${address}` : ''}`;
        return address === undefined ? [] : [{ key, at, place: { name: at.name, family, address } }];
      }),
    );
    const wanted = new Set(places.map(({ key }) => key));
    for (const [key, { talk }] of this.#spots) {
      if (wanted.has(key)) continue;
      this.#spots.delete(key);
      void talk.stop(false);
    }
    for (const { key, at, place } of places) {
      const spot = this.#spots.get(key);
      const said = dialableOn(at, this.#options.listening()).join();
      if (spot === undefined) {
        const talk = new MdnsTalk({ ...this.#parts(key), place });
        this.#spots.set(key, { talk, at, said, isOnLink: onLink(at) });
        talk.start(signal);
      } else {
        const changed = spot.said !== said;
        Object.assign(spot, { at, said, isOnLink: onLink(at) });
        if (changed) spot.talk.changed();
      }
    }
  }

  #parts(key: string) {
    const { self, clock, random = Math.random, open = openMdns, listening, onFound } = this.#options;
    const at = () => this.#spots.get(key)?.at ?? { name: '', addresses: [] };
    return {
      tag: this.#tag,
      open,
      clock,
      random,
      counters: this.#counters,
      ours: () => {
        const addresses = dialableOn(at(), listening()).slice(0, MAX_ADDRESSES);
        return addresses.length === 0 ? undefined : { peer: self, addresses };
      },
      isOnLink: (source: string) => this.#spots.get(key)?.isOnLink(source) ?? false,
      onFound: ({ peer, addresses }: Announcement) => {
        if (peer === self) return;
        this.#counters.add('mdns.found');
        onFound(peer, addresses);
      },
    };
  }
}
