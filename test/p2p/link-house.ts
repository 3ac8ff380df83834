import type { Connection } from '@libp2p/interface';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { PeerAddress } from '../../src/p2p/addresses.ts';
import { Counters } from '../../src/p2p/counters.ts';
import { Followed } from '../../src/p2p/followed.ts';
import { generateKey, type SigningKey } from '../../src/p2p/keys.ts';
import { OpenConnections } from '../../src/p2p/links/connections.ts';
import { LinkStates } from '../../src/p2p/links/link-states.ts';
import { Links } from '../../src/p2p/links/links.ts';
import { PeerDatabase } from '../../src/p2p/links/peer-database.ts';
import { parseAddresses } from '../../src/p2p/network-options.ts';
import { Overlay, type TransportFactory } from '../../src/p2p/overlay.ts';
import type { PeerState } from '../../src/p2p/peer-view.ts';
import { Traffic } from '../../src/p2p/traffic.ts';
import type { PeerKey } from '../../src/policy/crypto.ts';

const TOPIC = '/hedgerow/test/ops/1';

export interface LinkedRouterOptions {
  readonly listen?: readonly string[];
  readonly transport?: TransportFactory;
  readonly bootstrap?: readonly string[];
  readonly fullMesh?: number;
  readonly target?: number;
  readonly maxIdleMs?: number;
  readonly maxAgeMs?: number;
}

/** An overlay with its links and nothing above them: no policy, no keep-alives. Whom it hears of, a test says. */
export class LinkedRouter {
  readonly key: SigningKey;
  readonly counters = new Counters();
  readonly heard = new Set<string>();
  readonly refused = new Set<PeerKey>();
  readonly said = new Map<PeerKey, PeerState>();
  digest = '';
  readonly traffic = new Traffic(() => undefined, new Followed(undefined));
  readonly links: Links;
  readonly overlay: Overlay;
  readonly database: PeerDatabase;
  readonly connections: OpenConnections<Connection>;
  readonly states = new LinkStates(systemClock);
  readonly #stop = new AbortController();

  constructor(
    psk: Uint8Array,
    key: SigningKey,
    members: () => readonly PeerKey[],
    options: LinkedRouterOptions,
  ) {
    this.key = key;
    const { bootstrap = [], fullMesh = 12, target = 8, maxIdleMs, maxAgeMs } = options;
    const trusted = (peer: PeerKey) => members().includes(peer);
    const connections = new OpenConnections<Connection>(key.peer);
    this.connections = connections;
    const traffic = this.traffic;
    const bootstrapped: PeerAddress[] = parseAddresses('bootstrap', bootstrap);
    this.overlay = new Overlay({
      key,
      psk,
      listen: parseAddresses('listen', options.listen ?? ['127.0.0.1:0']),
      announce: [],
      topics: [TOPIC],
      transport: options.transport,
      trusted,
      member: trusted,
      onHandshake: (peer, connection) => traffic.watch(peer, connection),
      muted: () => false,
      onRefused: () => undefined,
      onOpen: (peer, connection) => {
        const superfluous = connections.opened(peer, connection, systemClock.monotonic());
        this.counters.add('connections.superfluous', superfluous.length);
        for (const other of superfluous) other.abort(new Error('another stays'));
        if (superfluous.includes(connection)) return;
        this.counters.add('connections.opened');
        this.states.opened(peer);
        this.links.opened(peer);
      },
      onClose: (peer, connection) => {
        if (!connections.closed(peer, connection)) return;
        this.states.closed(peer);
        this.links.closed(peer);
      },
      onIdentify: (peer, addresses) => this.links.said(peer, 'identify', addresses),
    });
    this.database = new PeerDatabase({ links: target, redrawMs: 600_000, random: Math.random });
    this.links = new Links({
      self: key.peer,
      overlay: this.overlay,
      connections,
      states: this.states,
      database: this.database,
      traffic,
      clock: systemClock,
      counters: this.counters,
      log: silentLog,
      random: Math.random,
      fullMesh,
      target,
      limits: { maxIdleMs, maxAgeMs },
      bootstrap: [],
      remembered: bootstrapped,
      members: () => members().filter((peer) => peer !== key.peer),
      trusted,
      left: () => false,
      joining: () => false,
      absent: () => false,
      stateOf: (peer) =>
        this.said.get(peer) ?? (this.overlay.connections(peer).length > 0 ? 'alive' : 'unknown'),
      sole: () => new Map(),
      digest: () => this.digest,
      topic: TOPIC,
      onFailed: () => undefined,
      onRefused: (peer) => this.refused.add(peer),
      forget: () => undefined,
    });
  }

  async start(): Promise<this> {
    await this.overlay.start();
    this.overlay.judge(TOPIC, (_, message) => {
      this.heard.add(new TextDecoder().decode(message.data));
      return 'accept';
    });
    this.overlay.gossip.subscribe(TOPIC);
    await this.links.start(this.#stop.signal);
    return this;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the test ends'));
    await this.overlay.stop();
    await this.links.stop();
  }

  get address(): string {
    return this.overlay.addresses()[0] ?? '';
  }

  get port(): number {
    return Number(/\/tcp\/(\d+)/.exec(this.address)?.[1]);
  }

  /** Members with a connection. */
  linked(): PeerKey[] {
    return this.connections.peers();
  }

  async publish(text: string): Promise<void> {
    await this.overlay.gossip.publish(TOPIC, new TextEncoder().encode(text));
  }

  count(name: string): number {
    return this.counters.snapshot()[name] ?? 0;
  }
}

/** A home of such routers. */
export class LinkHouse {
  readonly psk = crypto.getRandomValues(new Uint8Array(32));
  readonly keys: SigningKey[] = [];
  readonly #routers: LinkedRouter[] = [];

  /** So many keys, sorted: the first is the lowest. */
  admit(count: number): SigningKey[] {
    const fresh = Array.from({ length: count }, () => generateKey());
    this.keys.push(...fresh.sort((a, b) => (a.peer < b.peer ? -1 : 1)));
    return fresh;
  }

  router(key: SigningKey, options: LinkedRouterOptions = {}): LinkedRouter {
    const router = new LinkedRouter(this.psk, key, () => this.keys.map(({ peer }) => peer), options);
    this.#routers.push(router);
    return router;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#routers.map((router) => router.stop()));
  }
}

/** True when everybody reaches everybody over the links that stand. */
export function isConnected(routers: readonly LinkedRouter[]): boolean {
  const [first] = routers;
  const byKey = new Map(routers.map((router) => [router.key.peer, router]));
  const reached = new Set(first === undefined ? [] : [first.key.peer]);
  for (const peer of reached) for (const next of byKey.get(peer)?.linked() ?? []) reached.add(next);
  return reached.size === routers.length;
}
