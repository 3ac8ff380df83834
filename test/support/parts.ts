import { parseConfig } from '../../src/config-file.ts';
import { Author } from '../../src/control/author.ts';
import { Directory } from '../../src/control/directory.ts';
import { KernelGate } from '../../src/control/kernel-gate.ts';
import type { HomeAccess, Parts } from '../../src/control/parts.ts';
import { StoreCare } from '../../src/control/store-care.ts';
import { TemporaryError } from '../../src/errors.ts';
import type { Enforcer } from '../../src/local/enforce/enforcer.ts';
import type { Halted } from '../../src/local/enforce/halts.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import type { Observer } from '../../src/local/observer.ts';
import { EvictionNews } from '../../src/p2p/joining/eviction-news.ts';
import { Invitations } from '../../src/p2p/joining/invitations.ts';
import { NotTaken } from '../../src/p2p/joining/not-taken.ts';
import type { Network } from '../../src/p2p/network.ts';
import type { PeerView } from '../../src/p2p/peer-view.ts';
import type { PeerPresence, Presence } from '../../src/p2p/presence/presence.ts';
import type { Answer } from '../../src/p2p/question-wire.ts';
import { type BlockSet, emptyBlockSet, type NodeId, type RecordId } from '../../src/policy/block-set.ts';
import { Classes } from '../../src/policy/classes.ts';
import type { PeerKey } from '../../src/policy/crypto.ts';
import type { Op } from '../../src/policy/op.ts';
import type { PresenceClaim } from '../../src/policy/presence.ts';
import { Registers } from '../../src/policy/registers.ts';
import { Sightings } from '../../src/policy/sightings.ts';
import { forceOf, lasting } from '../../src/policy/terms.ts';
import type { HomeFile } from '../../src/store/home-file.ts';
import { FakeClock } from './fake-clock.ts';
import { crypto, genesis, key, recovery, replica, run } from './household.ts';
import { peerView } from './peer-view.ts';

/** What a test changes about the parts, and sees of what commands did with them. */
export interface FakeParts extends Parts {
  readonly clock: FakeClock;
  /** Ops that were announced to the others. */
  readonly announced: readonly Uint8Array[];
  /** Domains that were looked up. */
  readonly asked: readonly string[];
  /** The home file now, and what a join put in its place. */
  readonly files: { own: HomeFile; replacedBy: HomeFile | undefined; left?: boolean };
  /** Routers of the home besides this one; those that are alive answer at once. */
  readonly peers: Map<PeerKey, { state: PeerView['state']; applied: boolean; silent?: true }>;
  /** Whether this router's kernel takes what is decided. */
  kernel: { applies: boolean; enforcing: boolean };
  /** What the resolver knows. */
  readonly zone: Map<string, string[]>;
  /** Nodes that are the same. */
  readonly classes: NodeId[][];
  /** What `apart` answers. */
  readonly known: { apart: readonly RecordId[] };
  /** Whether this router trusts its clock. */
  readonly time: { trusted: boolean };
  /** What the other routers and this one say of the devices behind them. */
  readonly presence: Pick<Presence, 'all' | 'own'> & {
    version: number;
    told: PeerPresence[];
    mine: PresenceClaim[];
  };
  /** What other routers answer, and what they were asked. */
  readonly answers: Map<PeerKey, Answer>;
  readonly evictionNews: EvictionNews;
  readonly notTaken: NotTaken;
  readonly questions: readonly { peer: PeerKey; view: string; params: string }[];
}

/**
 * The parts of an agent with real policy and nodes, and a fake kernel and network, as commands see them. This router is
 * the founder of its home (key 0) unless `self` says otherwise.
 */
export function fakeParts(
  self = key(0),
  onAdmitted: (op: Op) => void = () => undefined,
  limits = { policies: 5_000, changesPerHour: 30, burst: 300 },
): FakeParts {
  const clock = new FakeClock();
  const classes: NodeId[][] = [];
  // What people said; a test adds what would be derived.
  let said: { version: number; classes: Classes } | undefined;
  const identity = () => {
    if (said?.version !== home.edgesVersion) {
      const sightings = new Sightings({ segments: new Set(), routerMacs: new Set() });
      said = { version: home.edgesVersion, classes: new Classes(home.edges(), sightings) };
    }
    return said.classes;
  };
  const classOf = (id: NodeId) => classes.find((ids) => ids.includes(id)) ?? [...identity().shown(id)];
  const known: FakeParts['known'] = { apart: [] };
  const time = { trusted: true };
  const announced: Uint8Array[] = [];
  const asked: string[] = [];
  const zone: FakeParts['zone'] = new Map();
  const peers: FakeParts['peers'] = new Map();
  const kernel = { applies: true, enforcing: true };
  const files: FakeParts['files'] = {
    own: {
      genesis,
      psk: 'ab'.repeat(32),
      sponsors: [],
      bootstrap: [],
      recoverySeed: Buffer.from(recovery.seed).toString('hex'),
    },
    replacedBy: undefined,
  };
  const gate = new KernelGate(clock, () => home.version);
  const home = replica((op) => {
    if (kernel.applies) queueMicrotask(() => gate.applied(home.version, clock.monotonic()));
    onAdmitted(op);
  });
  const registers = new Registers({ home: home.home, crypto, isMember: (peer) => home.isMember(peer) });
  const cache = new NodeCache({ home: home.home, crypto, clock });
  const reachable = () => [...peers].filter(([, { state }]) => state === 'alive').map(([peer]) => peer);
  const author = new Author({
    replica: home,
    key: self,
    run: run(7),
    clock,
    clockTrusted: () => time.trusted,
    limits,
    kernel: gate,
    describe: () => () => undefined,
    durable: async () => undefined,
    announce: (envelope) => announced.push(envelope),
    reachable,
    waitApplied: async (_, whom) =>
      new Map(whom.map((peer) => [peer, { applied: peers.get(peer)?.applied === true, ms: 3.123 }])),
  });
  const answers: FakeParts['answers'] = new Map();
  const questions: { peer: PeerKey; view: string; params: string }[] = [];
  const presence: FakeParts['presence'] = {
    version: 0,
    told: [],
    mine: [],
    all: () => presence.told,
    own: () => presence.mine,
  };
  const homeAccess: HomeAccess = {
    read: () => files.own,
    write: (file) => {
      files.own = file;
    },
    replace: (file) => {
      files.replacedBy = file;
    },
    leave: () => {
      files.left = true;
    },
  };
  const halted: { now: Halted | undefined } = { now: undefined };
  const health = () => ({
    enforcing: kernel.enforcing,
    backend: 'fake',
    failures: 0,
    lastError: undefined,
    driftRepairs: 0,
  });
  let blocked: BlockSet = emptyBlockSet;
  return {
    config: parseConfig('{agent: {name: attic}, home: {timeZone: UTC}}', 'test'),
    clock,
    key: self,
    replica: home,
    registers,
    cache,
    flows: new FlowTable({ clock }),
    observer: {} as Observer,
    enforcer: { health, settled: async () => undefined, underWay: () => undefined } as unknown as Enforcer,
    halts: {
      now: () => halted.now,
      set: ({ kind, by, at }) => {
        halted.now = { kind, by, at, secondsLeft: undefined };
        return undefined;
      },
      lift: () => {
        halted.now = undefined;
        return undefined;
      },
    },
    network: {
      peers: () =>
        [...peers].map(([peer, { state, silent }]) =>
          peerView(peer, { state, digestEqual: silent ? undefined : true }),
        ),
      progress: () => undefined,
      addresses: () => ['/ip4/198.51.100.11/tcp/4411/p2p/self'],
      presence,
      questions: {
        ask: async (peer: PeerKey, view: string, params: string) => {
          questions.push({ peer, view, params });
          const answer = answers.get(peer);
          if (answer === undefined) throw new TemporaryError('it did not answer');
          return answer;
        },
      },
    } as unknown as Network,
    author,
    directory: new Directory(home, registers, cache, classOf, presence),
    crypto,
    home: homeAccess,
    invitations: new Invitations({ clock, clockTrusted: () => time.trusted, replica: home }),
    evictionNews: new EvictionNews({ replica: home, crypto, self: self.peer }),
    notTaken: new NotTaken(home, crypto),
    knock: async () => {
      throw new TemporaryError('nobody is there');
    },
    holding: () => false,
    apart: () => known.apart,
    identity,
    classOf,
    force: ({ op, record }) => {
      if (record.kind !== 'block' && record.kind !== 'allow') return lasting;
      // In the tests a router sees what it writes at once.
      const elapsedS = (clock.now() - op.at) / 1000;
      return forceOf(record.kind, record.terms, { wall: clock.now(), trusted: time.trusted, elapsedS });
    },
    clockTrust: () => ({ trusted: time.trusted, why: time.trusted ? 'a test says so' : 'nobody agrees' }),
    blockSet: () => {
      blocked = { ...blocked };
      return blocked;
    },
    backend: { name: 'fake', detail: 'a test' },
    resolve: async (domain) => {
      asked.push(domain);
      const addresses = zone.get(domain);
      if (addresses !== undefined) cache.apply({ kind: 'answer', domain, chain: [], addresses, ttlS: 60 });
    },
    uptimeMs: () => clock.monotonic(),
    readyMs: () => 0,
    care: new StoreCare(async function* () {
      yield { done: 0, of: 0 };
      return { ok: true, counts: {}, wrong: [], mended: [] };
    }, AbortSignal.timeout(60_000)),
    storeError: () => undefined,
    announced,
    asked,
    files,
    peers,
    kernel,
    zone,
    classes,
    known,
    time,
    presence,
    answers,
    questions,
  };
}

/** A device is seen with this address. */
export function see(parts: Parts, mac: string, address: string, name?: string): string {
  parts.cache.apply({
    kind: 'neighbour',
    segment: 'attic/br-lan',
    interface: 'br-lan',
    address,
    mac,
    present: true,
    fresh: true,
  });
  if (name !== undefined) parts.cache.apply({ kind: 'hostName', mac, name, source: 'lease' });
  return parts.cache.deviceByMac(mac) ?? '';
}

/** A name was answered with these addresses. */
export function answer(parts: Parts, domain: string, ...addresses: string[]): void {
  parts.cache.apply({ kind: 'answer', domain, chain: [], addresses, ttlS: 60 });
}
