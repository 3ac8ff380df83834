import { crc32 } from 'node:zlib';
import type { Clock } from '../../clock.ts';
import type { NodeId } from '../../policy/block-set.ts';
import { SEEN, type SeenStore } from '../../store/seen-store.ts';
import { encodeMemory, type NodeMemory } from './node-memory.ts';

export interface KeptOptions {
  readonly store: SeenStore;
  readonly clock: Clock;
  /** What is to be kept of a node; undefined when it is not known any more. */
  readonly memory: (id: NodeId) => NodeMemory | undefined;
  /** Every device that is known. */
  readonly devices: () => Iterable<NodeId>;
  /** Whether a remote is to be kept. */
  readonly wanted: (id: NodeId) => boolean;
}

const DEVICE = `${SEEN.nodes}!d`;
const REMOTE = `${SEEN.nodes}!r`;
/** Entries of devices, also of those that had to make room for others here, and of remotes. */
const MAX_DEVICES = 8_192;
const MAX_REMOTES = 4_096;
const MAX_WAITING = 16_384;
/** So much may be written at once, and in an hour, while the agent runs: made-up MACs must not wear out a flash. */
const BURST = 512;
const PER_HOUR = 1_536;

/** Which nodes are in the store, and as what; writes those that have changed, as many as it may. */
export class Kept {
  readonly #options: KeptOptions;
  /** Node → CRC-32 of what was written, without when it was last seen; of what was read at the start it is not known. */
  readonly #devices = new Map<NodeId, number | undefined>();
  readonly #remotes = new Map<NodeId, number | undefined>();
  readonly #waiting = new Set<NodeId>();
  /** Those of which only when they were last seen may have changed. */
  readonly #again = new Set<NodeId>();
  #allowance = BURST;
  #allowedAt: number;
  #written = 0;
  #dropped = 0;
  #unwritten = 0;
  #urgent = false;

  constructor(options: KeptOptions) {
    this.#options = options;
    this.#allowedAt = options.clock.monotonic();
  }

  get size(): number {
    return this.#devices.size + this.#remotes.size;
  }

  get waiting(): number {
    return this.#waiting.size + this.#again.size;
  }

  /** Values given to the store since the start. */
  get written(): number {
    return this.#written;
  }

  /** Changes that found no room to wait: they are looked at with the next refresh. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Values given to the store that may not be on disk yet. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** True when one of them should be there soon. */
  get urgent(): boolean {
    return this.#urgent;
  }

  knows(id: NodeId): boolean {
    return this.#devices.has(id);
  }

  /** The node of a key; undefined when it is not the key of a node. */
  idOf(key: string): NodeId | undefined {
    const id = key.slice(DEVICE.length);
    return (key.startsWith(DEVICE) || key.startsWith(REMOTE)) && /^[0-9a-f]{32}$/.test(id) ? id : undefined;
  }

  /** It was in the store at the start. */
  found(id: NodeId, device: boolean): void {
    (device ? this.#devices : this.#remotes).set(id, undefined);
  }

  changed(ids: Iterable<NodeId>): void {
    for (const id of ids) {
      if (this.#waiting.size < MAX_WAITING) this.#waiting.add(id);
      else this.#dropped += 1;
    }
  }

  /** All are to be looked at once more, and written for when they were last seen. */
  refresh(): void {
    for (const id of [...this.#options.devices(), ...this.#remotes.keys()]) this.#again.add(id);
  }

  /** Values that somebody else has put. */
  note(count: number, urgent = false): void {
    this.#unwritten += count;
    this.#urgent ||= urgent;
  }

  flushed(): void {
    this.#unwritten = 0;
    this.#urgent = false;
  }

  forget(id: NodeId): void {
    this.#waiting.delete(id);
    if (this.#options.memory(id) !== undefined) this.#waiting.add(id);
    else if (this.#devices.has(id)) this.#drop(DEVICE, this.#devices, id);
  }

  /** Writes what has changed, as far as it may now. */
  write(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    this.#allowance = Math.min(BURST, this.#allowance + ((now - this.#allowedAt) / 3_600_000) * PER_HOUR);
    this.#allowedAt = now;
    for (const waiting of [this.#waiting, this.#again]) {
      for (const id of waiting) {
        if (this.#allowance < 1) return;
        waiting.delete(id);
        if (this.#one(id, waiting === this.#again)) this.#allowance -= 1;
      }
    }
  }

  /** Writes all that has changed, and every device, for when it was last seen. */
  writeAll(): void {
    for (const id of new Set([...this.#options.devices(), ...this.#waiting])) this.#one(id, true);
    this.#waiting.clear();
    this.#again.clear();
  }

  /** True when something was written. */
  #one(id: NodeId, again: boolean): boolean {
    const memory = this.#options.memory(id);
    if (memory === undefined) {
      // A device that is not known any more made room for others: it stays, or it would be told as new again.
      return this.#remotes.has(id) && this.#drop(REMOTE, this.#remotes, id);
    }
    const { device } = memory.descriptor;
    if (!device && !this.#options.wanted(id))
      return this.#remotes.has(id) && this.#drop(REMOTE, this.#remotes, id);
    const [prefix, kept, most] = device
      ? [DEVICE, this.#devices, MAX_DEVICES]
      : [REMOTE, this.#remotes, MAX_REMOTES];
    const key = prefix + id;
    const sum = crc32(encodeMemory(key, { ...memory, life: { first: memory.life.first } }));
    const isNew = !kept.has(id);
    if (!again && kept.get(id) === sum) return false;
    kept.delete(id);
    kept.set(id, sum);
    const [oldest] = kept.keys();
    if (kept.size > most && oldest !== undefined) this.#drop(prefix, kept, oldest);
    this.#options.store.put(key, encodeMemory(key, memory));
    this.#written += 1;
    this.note(1, isNew && device);
    return true;
  }

  #drop(prefix: string, kept: Map<NodeId, number | undefined>, id: NodeId): true {
    kept.delete(id);
    this.#options.store.del(prefix + id);
    this.note(1);
    return true;
  }
}
