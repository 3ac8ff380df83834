import { type GossipSub, gossipsub, type Message, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Connection, Libp2p, MultiaddrConnection, PeerId, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2pOptions } from 'libp2p';
import { TemporaryError, UnavailableError } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { PeerAddress } from './addresses.ts';
import { createGater, type Refusal } from './gater.ts';
import { gossipId } from './gossip-id.ts';
import { hangUp } from './hang-up.ts';
import { libp2pKeyOf, parsePeerId, peerIdOf, peerKeyOf } from './identity.ts';
import type { SigningKey } from './keys.ts';
import { privateNetwork } from './psk/private-network.ts';
import { MAX_UNPROVEN } from './unproven.ts';

/** How a libp2p transport is made; tests pass libp2p's memory transport. */
export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number];

/** What becomes of a gossiped message: relayed, dropped, or dropped and held against its sender. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

const RESULTS = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const;

export interface OverlayOptions {
  readonly key: SigningKey;
  /** 32 bytes. */
  readonly psk: Uint8Array;
  readonly listen: readonly PeerAddress[];
  readonly announce: readonly PeerAddress[];
  /** The only gossip topics. */
  readonly topics: readonly string[];
  readonly transport: TransportFactory | undefined;
  /** Who is let in once the handshake has proved its key. */
  readonly trusted: (peer: PeerKey) => boolean;
  /** Who may open streams of all protocols; others are guests. */
  readonly member: (peer: PeerKey) => boolean;
  /** A trusted peer proved its key on this socket. */
  readonly onHandshake: (peer: PeerKey, connection: MultiaddrConnection) => void;
  /** Gossip of such a peer is thrown away unread. */
  readonly muted: (peer: PeerKey) => boolean;
  readonly onRefused: (how: Refusal) => void;
  readonly onOpen: (peer: PeerKey, connection: Connection) => void;
  readonly onClose: (peer: PeerKey, connection: Connection) => void;
  /** The addresses that a peer says it listens on. */
  readonly onIdentify: (peer: PeerKey, addresses: readonly string[]) => void;
}

type Node = Libp2p<{ identify: Identify; gossip: GossipSub }>;

/** An RPC above this leaves its receiver deaf; ops and registers are capped far below, bytes. */
const MAX_GOSSIP_RPC_BYTES = 1024 * 1024;
/** Both ends of a fresh socket must be through with the handshake after this time, milliseconds. */
const HANDSHAKE_MS = 5_000;
/** libp2p's name for the moment after which the handshake proper begins: the other side's half of the pre-shared key's nonces came. */
const ANSWERED = 'upgrader:encrypt-outbound-connection';
const STREAM_WINDOW_BYTES = 256 * 1024;
/** Below every threshold of gossipsub: what comes is dropped before its signature is checked. */
const MUTED_SCORE = -1_000;

/**
 * The only place that builds libp2p: TCP, pre-shared key, noise, yamux, identify and gossip, with the settings and
 * for the reasons that overlay.md tells. Liveness, redialling and sync are ours and live elsewhere.
 */
export class Overlay {
  readonly #options: OverlayOptions;
  #node: Node | undefined;
  /** What the transports listen on, as libp2p last told. */
  #listening: readonly Multiaddr[] = [];
  /** Who is told that a dial was accepted. */
  readonly #reaching = new Map<PeerKey, () => void>();

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  /** UnavailableError when no address can be listened on. */
  async start(): Promise<void> {
    const { key, psk, topics, transport, trusted, muted, onHandshake, onRefused } = this.#options;
    const node = await createLibp2p({
      start: false,
      privateKey: libp2pKeyOf(key),
      nodeInfo: { name: 'hedgerow', version: '1', userAgent: 'hedgerow' },
      addresses: {
        listen: this.#options.listen.map((address) => address.text),
        announce: this.#options.announce.map((address) => address.text),
        announceFilter: (addresses) => this.#announced(addresses),
      },
      transports: [transport ?? tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
      connectionProtector: privateNetwork(psk),
      connectionEncrypters: [noise()],
      // Whether the other side is there our own keep-alives tell, on every connection with a member.
      streamMuxers: [
        yamux({ enableKeepAlive: false, streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES } }),
      ],
      connectionGater: createGater({
        trusted,
        onAdmitted: onHandshake,
        onRefused,
        onReached: (peer) => this.#reaching.get(peer)?.(),
      }),
      connectionMonitor: { enabled: false },
      connectionManager: {
        inboundConnectionThreshold: 60,
        // Above what ours allows, which chooses who has to go: here it would be whoever comes next.
        maxIncomingPendingConnections: 2 * MAX_UNPROVEN,
        inboundUpgradeTimeout: HANDSHAKE_MS,
        outboundStreamProtocolNegotiationTimeout: HANDSHAKE_MS,
        inboundStreamProtocolNegotiationTimeout: HANDSHAKE_MS,
        reconnectRetries: 0,
      },
      services: {
        identify: identify({ timeout: HANDSHAKE_MS }),
        gossip: gossipsub(gossipOptions(topics, muted)),
      },
    });
    node.addEventListener('connection:open', (event) => {
      this.#confine(event.detail);
      this.#told(event.detail, this.#options.onOpen);
    });
    node.addEventListener('connection:close', (event) => this.#told(event.detail, this.#options.onClose));
    node.addEventListener('peer:identify', (event) => {
      const peer = peerKeyOf(event.detail.peerId);
      const addresses = event.detail.listenAddrs.map((address) => address.toString());
      if (peer !== undefined) this.#options.onIdentify(peer, addresses);
    });
    this.#node = node;
    try {
      await node.start();
    } catch (error) {
      await node.stop();
      throw new UnavailableError('none of the overlay addresses can be listened on', {
        cause: error,
        hint: 'check the listen addresses in the config, and whether another agent runs here',
      });
    }
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    if (node === undefined) return;
    for (const connection of node.getConnections()) hangUp(connection, 'the agent stops');
    await node.stop();
  }

  get running(): boolean {
    return this.#node !== undefined;
  }

  get gossip(): GossipSub {
    return this.#running().services.gossip;
  }

  /** Every message on a topic is judged before it is relayed. */
  judge(topic: string, verdict: (source: PeerId, message: Message) => GossipVerdict): void {
    this.gossip.topicValidators.set(topic, (source, message) => RESULTS[verdict(source, message)]);
  }

  /** The peers that are subscribed to a topic, as far as we are connected with them. */
  subscribers(topic: string): ReadonlySet<PeerKey> {
    return new Set(this.gossip.getSubscribers(topic).flatMap((id) => peerKeyOf(id) ?? []));
  }

  /** Multiaddrs with our peer id. */
  addresses(): string[] {
    this.#node?.getMultiaddrs();
    return this.#listening.map((address) => address.toString());
  }

  /** Open connections, of one peer or of all. */
  connections(peer?: PeerKey): Connection[] {
    const id = peer === undefined ? undefined : peerIdOf(peer);
    if (this.#node === undefined || (peer !== undefined && id === undefined)) return [];
    return this.#node.getConnections(id).filter((connection) => connection.status === 'open');
  }

  /** Accepts streams of a protocol; one stream per connection is enough for each of ours, a second is allowed. */
  async handle(
    protocol: string,
    run: (peer: PeerKey, stream: Stream, on: Connection) => void,
    whom: 'members' | 'guests' = 'members',
  ): Promise<void> {
    const { member } = this.#options;
    await this.#running().handle(
      protocol,
      (stream, connection) => {
        const peer = peerKeyOf(connection.remotePeer);
        if (peer === undefined) stream.abort(new Error('not a key of ours'));
        else if (whom === 'members' && !member(peer)) stream.abort(new Error('for members only'));
        else run(peer, stream, connection);
      },
      { maxInboundStreams: 2, maxOutboundStreams: 2, runOnLimitedConnection: whom === 'guests' },
    );
  }

  /** Opens a stream on the newest connection of a peer. TemporaryError when there is none. */
  async open(peer: PeerKey, protocol: string, signal: AbortSignal): Promise<Stream> {
    const connection = this.connections(peer).at(-1);
    if (connection === undefined) throw new TemporaryError('not connected');
    return await connection.newStream(protocol, { signal });
  }

  /** Leaves what a peer gossips unread until the answer is called; its window holds it back meanwhile. */
  holdGossip(peer: PeerKey): () => void {
    const { protocols } = this.gossip;
    const streams = this.connections(peer)
      .flatMap((connection) => connection.streams)
      .filter((stream) => stream.direction === 'inbound' && protocols.includes(stream.protocol))
      .filter((stream) => stream.readStatus === 'readable');
    for (const stream of streams) stream.pause();
    return () => {
      for (const stream of streams) if (stream.readStatus === 'paused') stream.resume();
    };
  }

  /**
   * Dials one address; the gater has the last word on who answers. Resolves with the peer that did. `beside`: also when
   * there is a connection already, which is otherwise the answer. `onReached`: a machine
   * accepted the connection; where no peer was named, an agent there has answered. It may be told twice.
   */
  async dial(
    address: string,
    peer: PeerKey | undefined,
    signal: AbortSignal,
    { beside = false, onReached }: { readonly beside?: boolean; readonly onReached?: () => void } = {},
  ): Promise<PeerKey | undefined> {
    const id = peer === undefined ? undefined : peerIdOf(peer);
    const target = multiaddr(id === undefined ? address : `${address}/p2p/${id.toString()}`);
    if (peer !== undefined && onReached !== undefined) this.#reaching.set(peer, onReached);
    try {
      const onProgress = ({ type }: { readonly type: string }) => {
        if (type === ANSWERED) onReached?.();
      };
      const connection = await this.#running().dial(target, { signal, force: beside, onProgress });
      return peerKeyOf(connection.remotePeer);
    } finally {
      if (peer !== undefined && this.#reaching.get(peer) === onReached) this.#reaching.delete(peer);
    }
  }

  /**
   * With a guest no stream may run in either direction that does not say that it may: above all no gossip, which goes to whoever
   * subscribes, and whose scores are remembered for seconds when a member is evicted.
   */
  #confine(connection: Connection): void {
    const peer = peerKeyOf(connection.remotePeer);
    if (peer === undefined || !this.#options.member(peer)) connection.limits = {};
  }

  #running(): Node {
    if (this.#node === undefined) throw new TemporaryError('the overlay does not run');
    return this.#node;
  }

  #told(connection: Connection, tell: (peer: PeerKey, connection: Connection) => void): void {
    const peer = peerKeyOf(connection.remotePeer);
    if (peer !== undefined) tell(peer, connection);
  }

  /** A wildcard would announce loopback and every VLAN: then only what the config names is announced. */
  #announced(addresses: Multiaddr[]): Multiaddr[] {
    this.#listening = addresses;
    const wildcard = this.#options.listen.some((address) =>
      /^\/ip[46]\/(0\.0\.0\.0|::)\//.test(address.text),
    );
    return wildcard && this.#options.announce.length === 0 ? [] : addresses;
  }
}

/** True when gossip runs in both directions on one of a peer's connections. */
export function gossips(gossip: GossipSub, connections: readonly Connection[]): boolean {
  const streams = connections.flatMap((connection) => connection.streams);
  const runs = (direction: Stream['direction']) =>
    streams.some((stream) => stream.direction === direction && gossip.protocols.includes(stream.protocol));
  return runs('inbound') && runs('outbound');
}

function gossipOptions(
  topics: readonly string[],
  muted: (peer: PeerKey) => boolean,
): Parameters<typeof gossipsub>[0] {
  const isMuted = (id: string) => {
    const peer = parsePeerId(id);
    return peer !== undefined && muted(peer);
  };
  return {
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    floodPublish: true,
    batchPublish: true,
    D: 4,
    Dlo: 3,
    Dhi: 12,
    Dout: 1,
    Dscore: 1,
    Dlazy: 0,
    heartbeatInterval: 5_000,
    scoreParams: { IPColocationFactorWeight: 0, appSpecificScore: (id) => (isMuted(id) ? MUTED_SCORE : 0) },
    allowedTopics: [...topics],
    maxInboundDataLength: MAX_GOSSIP_RPC_BYTES,
    fastMsgIdFn: gossipId,
  };
}
