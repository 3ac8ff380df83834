import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { createCrypto, generateKey, randomHex, type SigningKey } from '../../src/p2p/keys.ts';
import { Network } from '../../src/p2p/network.ts';
import type { NetworkOptions } from '../../src/p2p/network-options.ts';
import type { TransportFactory } from '../../src/p2p/overlay.ts';
import type { Genesis } from '../../src/policy/genesis.ts';
import type { Op } from '../../src/policy/op.ts';
import type { Record } from '../../src/policy/records.ts';
import { Registers } from '../../src/policy/registers.ts';
import { Replica } from '../../src/policy/replica.ts';

/** One agent of a test: its own replica and registers, and its network once it was given one. */
export interface Router {
  readonly key: SigningKey;
  readonly run: string;
  readonly replica: Replica;
  readonly registers: Registers;
  network: Network | undefined;
}

/** A home whose routers talk over real libp2p. */
export class House {
  readonly psk = crypto.getRandomValues(new Uint8Array(32));
  readonly founder = generateKey();
  /** On paper, and on no router. */
  readonly recovery = generateKey();
  readonly genesis: Genesis = {
    recovery: this.recovery.peer,
    founder: this.founder.peer,
    nonce: randomHex(16),
  };
  readonly #stop = new AbortController();
  readonly #networks: Network[] = [];

  /** A router with an empty store. */
  router(key: SigningKey = generateKey(), onAdmitted?: (op: Op) => void): Router {
    const verifier = createCrypto();
    const replica = new Replica({
      genesis: this.genesis,
      crypto: verifier,
      ...(onAdmitted === undefined ? {} : { onAdmitted }),
    });
    const registers = new Registers({
      home: replica.home,
      crypto: verifier,
      isMember: (peer) => replica.isMember(peer),
    });
    return { key, run: randomHex(16), replica, registers, network: undefined };
  }

  /** So many routers, the founder first, each knowing all admissions. */
  routers(count: number): Router[] {
    const all = Array.from({ length: count }, (_, i) => this.router(i === 0 ? this.founder : undefined));
    const [founder] = all;
    if (founder === undefined) return all;
    for (const router of all.slice(1)) this.admit(founder, router.key.peer);
    for (const router of all.slice(1)) copy(founder.replica, router.replica);
    return all;
  }

  admit(by: Router, peer: string): Op {
    return write(by, [{ kind: 'admit', peer, admin: true }]);
  }

  /** Starts a router's network on loopback TCP, or on a transport that the options name. */
  async start(
    router: Router,
    options: Partial<NetworkOptions> & { readonly transport?: TransportFactory } = {},
  ): Promise<Network> {
    const network = new Network({
      replica: router.replica,
      registers: router.registers,
      key: router.key,
      psk: this.psk,
      sponsors: [],
      listen: ['127.0.0.1:0'],
      announce: [],
      bootstrap: [],
      clock: systemClock,
      log: silentLog,
      addressesOf: (peer) => router.registers.card(peer)?.listens ?? [],
      ...options,
    });
    this.#networks.push(network);
    await network.start(this.#stop.signal);
    router.network = network;
    return network;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#networks.map((network) => network.stop()));
  }
}

/** Writes an op of a router's own. */
export function write(router: Router, add: readonly Record[]): Op {
  return router.replica.author(router.key, router.run, { at: Date.now(), by: 'test', over: [], add });
}

/** Writes a block of a domain that no other op names. */
export function writeBlock(router: Router, name: string): Op {
  return write(router, [
    {
      kind: 'block',
      a: { kind: 'home' },
      b: { kind: 'domain', domain: `${name}.example` },
      terms: {},
      apart: [],
    },
  ]);
}

/** Writes and announces where a router listens. */
export function writeCard(router: Router, name: string, rev = 1): void {
  const listens = [...(router.network?.addresses() ?? [])];
  const card = { name, prefixes: [], listens, macs: [] };
  const register = router.registers.author(router.key, { gen: 1, rev }, undefined, card);
  router.network?.announceRegister(register.envelope);
}

/** Brings everything of one replica into another, without a network. */
export function copy(from: Replica, to: Replica): void {
  const peers = [...from.peerDigests().keys()];
  for (const id of from.missing(to.heads(peers), peers).send) {
    const envelope = from.envelope(id);
    if (envelope !== undefined) to.admit(envelope);
  }
}

/** Waits for a condition on real time; an Error when it does not come. Answers how long it took, milliseconds. */
export async function eventually(what: string, condition: () => boolean, withinMs = 30_000): Promise<number> {
  const began = performance.now();
  while (!condition()) {
    if (performance.now() - began > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await systemClock.sleep(2);
  }
  return performance.now() - began;
}

/** True when all replicas and registers are the same. */
export function equal(routers: readonly Router[]): boolean {
  const [first] = routers;
  return routers.every(
    (router) =>
      router.replica.digest === first?.replica.digest && router.registers.digest === first.registers.digest,
  );
}

/** The multiaddr on which a router listens. */
export function addressOf(router: Router): string {
  const [address] = router.network?.addresses() ?? [];
  if (address === undefined) throw new Error('does not listen');
  return address;
}
