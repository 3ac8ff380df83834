import { MemoryLevel } from 'memory-level';
import type { Clock } from '../../src/clock.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { Publisher } from '../../src/local/nodes/publisher.ts';
import { withAcquaintances } from '../../src/p2p/joining/acquaintances.ts';
import type { SigningKey } from '../../src/p2p/keys.ts';
import { Trust } from '../../src/p2p/trust.ts';
import { domainNodeId } from '../../src/policy/identity.ts';
import { referencesOf } from '../../src/policy/references.ts';
import { Registers } from '../../src/policy/registers.ts';
import type { Replica, ReplicaOptions } from '../../src/policy/replica.ts';
import type { Database } from '../../src/store/database.ts';
import type { HomeFile } from '../../src/store/home-file.ts';
import { restore } from '../../src/store/restore.ts';
import { Store } from '../../src/store/store.ts';
import { genesis } from '../support/household.ts';
import { quickCrypto as crypto } from './quick-crypto.ts';

type Disk = MemoryLevel<string, Uint8Array>;

/** One life of an agent's policy side: what is in memory, and the store that it writes. */
export interface Life {
  readonly run: string;
  readonly replica: Replica;
  readonly registers: Registers;
  readonly cache: NodeCache;
  readonly publisher: Publisher;
  readonly store: Store;
  readonly trust: Trust;
}

export interface SimRouterOptions {
  readonly name: string;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: () => number;
  /** Tells the others of a register of ours. */
  readonly gossip: (register: Uint8Array) => void;
  /** A replica, or a wrong one that the simulation has to catch. */
  readonly makeReplica: (options: ReplicaOptions) => Replica;
  /** Whom to talk to while the store does not say. */
  readonly sponsors: readonly string[];
}

/** A router whose disk outlives its agent's lives. */
export class SimRouter {
  readonly key: SigningKey;
  readonly clock: Clock;
  /** It said that it goes, and went. */
  gone = false;
  /** Ids of the ops that were synced to the disk, what was acknowledged among them, and not lost with it since. */
  kept: ReadonlySet<string> = new Set();
  readonly #options: SimRouterOptions;
  #disk = emptyDisk();
  #copy: { disk: [string, Uint8Array][]; kept: ReadonlySet<string> } | undefined;
  #life: Life | undefined;
  #unwritten: string[] = [];
  #home: HomeFile;

  constructor(options: SimRouterOptions) {
    this.#options = options;
    this.key = options.key;
    this.clock = options.clock;
    this.#home = {
      genesis,
      psk: '',
      sponsors: [...options.sponsors],
      bootstrap: [],
      recoverySeed: undefined,
    };
  }

  get life(): Life | undefined {
    return this.#life;
  }

  /** As the agent starts: the store first, then everything that hangs on it. */
  async start(run: string): Promise<Life> {
    const { clock, random, gossip, makeReplica, name } = this.#options;
    const store = new Store(asDatabase(this.#disk));
    let restored = false;
    const replica = makeReplica({
      genesis,
      crypto,
      archive: store,
      onAdmitted: (op, n) => {
        store.putOp(n, op);
        if (!restored) return;
        this.#unwritten.push(op.id);
      },
    });
    const registers = new Registers({
      home: replica.home,
      crypto,
      isMember: (peer) => replica.isMember(peer),
      onAdmitted: (register) => {
        store.putRegister(register);
      },
    });
    restore(await store.load(replica.home), replica, registers, this.key.peer);
    restored = true;
    const cache = new NodeCache({ home: replica.home, crypto, clock });
    const publisher = new Publisher({
      registers,
      key: this.key,
      cache,
      clock,
      random,
      persistent: () =>
        referencesOf(replica.live.values(), replica.edges(), (domain) =>
          domainNodeId(crypto, replica.home, domain),
        ).ids,
      card: () => ({ name, prefixes: [], listens: [], macs: [] }),
      onPublished: (register) => gossip(register.envelope),
    });
    const trust = new Trust(this.key.peer, replica, this.#home.sponsors);
    this.#life = { run, replica, registers, cache, publisher, store, trust };
    return this.#life;
  }

  /** Everything is on disk. */
  async flush(): Promise<void> {
    if (this.#life === undefined) return;
    const written = this.#unwritten;
    this.#unwritten = [];
    await this.#life.store.durable();
    if (written.length > 0) this.kept = this.kept.union(new Set(written));
  }

  /** Whether an op waits to be written. */
  get dirty(): boolean {
    return this.#unwritten.length > 0;
  }

  /** The home file learns who is a member. */
  remember(): void {
    if (this.#life === undefined) return;
    const { replica, registers } = this.#life;
    this.#home = withAcquaintances(this.#home, replica, registers, this.key.peer);
  }

  /** The process is gone, and with it what had not been written. */
  kill(): void {
    this.#life?.publisher.stop();
    this.#life = undefined;
    this.#unwritten = [];
  }

  /** The disk is lost; key and home are on another. */
  wipe(): void {
    this.kill();
    this.#disk = emptyDisk();
    this.kept = new Set();
  }

  /** Somebody takes a copy of the disk. */
  async copy(): Promise<void> {
    await this.flush();
    this.#copy = { disk: await this.#disk.iterator().all(), kept: this.kept };
  }

  /** The disk is as the copy was; false where there is none. It can be done again and again. */
  async putBack(): Promise<boolean> {
    if (this.#copy === undefined) return false;
    this.wipe();
    await this.#disk.batch(this.#copy.disk.map(([key, value]) => ({ type: 'put', key, value })));
    this.kept = this.#copy.kept;
    return true;
  }
}

/** A router with a life. */
export type Running = SimRouter & { readonly life: Life };

export function isRunning(router: SimRouter | undefined): router is Running {
  return router?.life !== undefined;
}

function emptyDisk(): Disk {
  return new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
}

function asDatabase(disk: Disk): Database {
  return {
    get: (key) => disk.get(key),
    getSync: (key) => disk.getSync(key),
    batch: (entries) => disk.batch(entries),
    iterator: (range) => disk.iterator(range),
    keys: (range) => disk.keys(range),
    settle: () => undefined,
    close: async () => undefined,
  };
}
