import type { Libp2p, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { ALIVE_PROTOCOL } from '../../src/p2p/alive/alive.ts';
import { type AliveFrame, encodeAlive } from '../../src/p2p/alive/alive-wire.ts';
import { StreamChannel } from '../../src/p2p/channel.ts';
import { frame } from '../../src/p2p/frames.ts';
import { generateKey } from '../../src/p2p/keys.ts';
import type { ReplicatedOps, ReplicatedRegisters } from '../../src/p2p/replicated.ts';
import { addressOf, type House, type Router } from './house.ts';
import { outsider } from './outsider.ts';

/** A member that keeps the protocols' form and nothing else of them. */
export interface BadPartner {
  readonly peer: string;
  readonly node: Libp2p;
  /** Opens a stream to the router. */
  readonly dial: (protocol: string) => Promise<Stream>;
}

/** Somebody with a key of its own, admitted by `router` and connected to it. */
export async function badPartner(
  house: House,
  router: Router,
  stops: (() => Promise<void>)[],
): Promise<BadPartner> {
  const key = generateKey();
  house.admit(router, key.peer);
  const node = await outsider(key, house.psk, stops);
  const to = multiaddr(addressOf(router));
  const dial = (protocol: string) => node.dialProtocol(to, protocol, { signal: AbortSignal.timeout(10_000) });
  return { peer: key.peer, node, dial };
}

/** A replica that forgets at once whatever it is sent, and calls its state `digest`. */
export function forgetful(home: string, digest: string): ReplicatedOps {
  return {
    home,
    size: 1_000_000,
    genesis: { recovery: '' },
    digest,
    peerDigests: () => new Map(),
    heads: () => [],
    missing: () => ({ send: [], deferred: [] }),
    envelope: () => undefined,
    authorOf: () => undefined,
    admit: () => ({ verdict: 'held' }),
    isMember: () => true,
    members: () => [],
  };
}

export const noRegisters: ReplicatedRegisters = {
  vector: () => new Map(),
  digest: '',
  since: () => [],
  admit: () => 'held',
  advance: () => undefined,
};

/** Keep-alives of a bad partner on one stream, and what comes back on it. */
export class Keepalives {
  readonly #stream: Stream;
  #counter = 0;
  /** Frames that came. */
  heard = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
    void this.#read(new StreamChannel(stream));
  }

  static async open(partner: BadPartner): Promise<Keepalives> {
    return new Keepalives(await partner.dial(ALIVE_PROTOCOL));
  }

  get isOpen(): boolean {
    return this.#stream.status === 'open';
  }

  get said(): number {
    return this.#counter;
  }

  /** Bytes that wait to go out. */
  get queued(): number {
    return this.#stream.writeBufferLength;
  }

  say(words: Partial<AliveFrame>): void {
    if (!this.isOpen) return;
    this.#counter += 1;
    const message = encodeAlive({
      ...{ version: 1, counter: this.#counter, echo: 0, heldUs: 0, toleranceMs: 6_000, shortestMs: 1_000 },
      ...{ digest: '', registersDigest: '', applied: { digest: '', recent: [] } },
      ...{ clock: 0, trusted: false, changes: 0, about: [], asks: [] },
      ...words,
    });
    this.#stream.send(frame(message));
  }

  async #read(channel: StreamChannel): Promise<void> {
    try {
      while ((await channel.receive()) !== undefined) this.heard += 1;
    } catch (error) {
      if (this.isOpen) throw error;
    }
  }
}
