import { MemoryLevel } from 'memory-level';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { Publisher } from '../../src/local/nodes/publisher.ts';
import type { SigningKey } from '../../src/p2p/keys.ts';
import type { Op } from '../../src/policy/op.ts';
import { referencedNodes } from '../../src/policy/references.ts';
import { Registers } from '../../src/policy/registers.ts';
import { Replica } from '../../src/policy/replica.ts';
import { restore } from '../../src/store/restore.ts';
import { type Database, Store } from '../../src/store/store.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { crypto, genesis } from '../support/household.ts';

type Disk = MemoryLevel<string, Uint8Array>;

/** One life of an agent's policy side: what is in memory, and the store that it writes. */
export interface Life {
  readonly run: string;
  readonly replica: Replica;
  readonly registers: Registers;
  readonly cache: NodeCache;
  readonly publisher: Publisher;
  readonly store: Store;
}

/** A router whose disk outlives its agent's lives. */
export class SimRouter {
  readonly name: string;
  readonly key: SigningKey;
  readonly #clock: FakeClock;
  readonly #random: () => number;
  readonly #gossip: (register: Uint8Array) => void;
  #disk = emptyDisk();
  #life: Life | undefined;

  constructor(
    name: string,
    key: SigningKey,
    clock: FakeClock,
    random: () => number,
    gossip: (register: Uint8Array) => void,
  ) {
    this.name = name;
    this.key = key;
    this.#clock = clock;
    this.#random = random;
    this.#gossip = gossip;
  }

  get life(): Life | undefined {
    return this.#life;
  }

  /** As the agent starts: the store first, then everything that hangs on it. */
  async start(run: string): Promise<Life> {
    const store = new Store(asDatabase(this.#disk));
    let restored = false;
    const replica = new Replica({
      genesis,
      crypto,
      onAdmitted: (op) => {
        if (restored) store.putOp(op);
      },
    });
    const registers = new Registers({
      home: replica.home,
      crypto,
      isMember: (peer) => replica.isMember(peer),
      onAdmitted: (register) => {
        if (restored) store.putRegister(register);
      },
    });
    restore(await store.load(replica.home), replica, registers, this.key.peer);
    restored = true;
    const cache = new NodeCache({ home: replica.home, crypto, clock: this.#clock });
    const publisher = new Publisher({
      registers,
      key: this.key,
      cache,
      clock: this.#clock,
      random: this.#random,
      persistent: () => referencedNodes(crypto, replica.home, replica.live.values()),
      card: () => ({ name: this.name, prefixes: [], listens: [], macs: [] }),
      onPublished: (register) => this.#gossip(register.envelope),
    });
    this.#life = { run, replica, registers, cache, publisher, store };
    return this.#life;
  }

  /** The process is gone, and with it what had not been written. */
  kill(): void {
    this.#life?.publisher.stop();
    this.#life = undefined;
  }

  /** The disk is lost; key and home are on another. */
  wipe(): void {
    this.kill();
    this.#disk = emptyDisk();
  }

  /** The ids of the ops on disk. */
  async onDisk(): Promise<Set<string>> {
    const ids = new Set<string>();
    for await (const key of this.#disk.keys({ gte: '1!', lt: '1"' })) ids.add(key.slice(-64));
    return ids;
  }

  holds(op: Op): boolean {
    return this.#life?.replica.op(op.id) !== undefined;
  }
}

function emptyDisk(): Disk {
  return new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
}

function asDatabase(disk: Disk): Database {
  return {
    get: (key) => disk.get(key),
    batch: (entries) => disk.batch(entries),
    iterator: (range) => disk.iterator(range),
    keys: (range) => disk.keys(range),
    settle: () => undefined,
    close: async () => undefined,
  };
}
