import type { Clock } from '../../clock.ts';
import { isSpecial } from '../../policy/address.ts';
import type { Address, BlockSet, Mac, NodeId, RecordId, Wanted } from '../../policy/block-set.ts';
import { type Drop, Judge } from '../enforce/judge.ts';
import type { NodeCache } from '../nodes/node-cache.ts';
import type { Packet } from '../observe/packet.ts';

export interface TrialOptions {
  readonly clock: Clock;
  readonly cache: NodeCache;
  /** Decides afresh (local/decider.ts). */
  readonly blockSet: () => BlockSet;
}

/** What one policy would have blocked of one device. Times are Unix milliseconds of the capture. */
export interface TrialTotal {
  readonly record: RecordId;
  /** Undefined for an address of the home whose device is not known. */
  readonly device: NodeId | undefined;
  readonly packets: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

type Kept = { -readonly [K in keyof TrialTotal]: TrialTotal[K] };

/** A packet that is blocked: for whom, and by which policies. */
interface Judged {
  readonly device: NodeId | undefined;
  readonly wanted: Wanted;
}

/** As an agent: what changes nothing that is blocked now waits a moment, and time is looked at every minute. */
const SEEN_MS = 250;
const TIME_MS = 60_000;
const MAX_JUDGED = 65_536;
const MAX_TOTALS = 100_000;

/**
 * What a set of policies would have blocked of a capture, decided by the policy itself from what was known when each packet
 * came. The packets are counted as they were captured: a device that is blocked gives up sooner, or tries more often.
 */
export class Trial {
  readonly #options: TrialOptions;
  readonly #totals = new Map<string, Kept>();
  /** Source address → destination address → what the judge said, asked for a frame of this MAC. */
  readonly #judged = new Map<
    Address,
    Map<Address, { source: Mac | undefined; judged: Judged | undefined }>
  >();
  #judgedCount = 0;
  #blockSet: BlockSet | undefined;
  #judge: Judge | undefined;
  #decidedAt = 0;
  #version = -1;
  #bindingsVersion = -1;
  /** Packets that at least one policy would have blocked, and those that went past every router and so past its blocks. */
  readonly blocked = { packets: 0, bytes: 0 };
  readonly beside = { packets: 0, bytes: 0 };
  /** Blocked packets whose policy or device is not kept apart. */
  dropped = 0;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** The totals, in the order in which they began. */
  totals(): TrialTotal[] {
    return [...this.#totals.values()];
  }

  /** `forwarded`: false for a packet that one device sent to another without a router between them. */
  sees(packet: Packet, source: Mac | undefined, forwarded: boolean): void {
    const judged = this.#ask(packet, source);
    if (judged === undefined) return;
    const sum = forwarded ? this.blocked : this.beside;
    sum.packets += packet.packets;
    sum.bytes += packet.bytes;
    if (forwarded) for (const record of judged.wanted) this.#add(record, judged.device, packet);
  }

  #ask({ src, dst }: Packet, source: Mac | undefined): Judged | undefined {
    const judge = this.#current();
    const known = this.#judged.get(src)?.get(dst);
    if (known !== undefined && known.source === source) return known.judged;
    const judged = this.#judgedBy(judge, src, dst, source);
    if (this.#judgedCount >= MAX_JUDGED) this.#forget();
    this.#judged.set(src, (this.#judged.get(src) ?? new Map()).set(dst, { source, judged }));
    this.#judgedCount += 1;
    return judged;
  }

  #judgedBy(judge: Judge, src: Address, dst: Address, source: Mac | undefined): Judged | undefined {
    // No router carries what is for a segment alone.
    if (isSpecial(src) || isSpecial(dst)) return undefined;
    const drop = judge.dropOf(src, dst, source);
    if (drop === undefined) return undefined;
    const { cache } = this.#options;
    const device = drop.owner ?? deviceOf(cache, src) ?? deviceOf(cache, dst);
    return { device, wanted: this.#wanted(drop) };
  }

  #forget(): void {
    this.#judged.clear();
    this.#judgedCount = 0;
  }

  /** The judge of what is known now. */
  #current(): Judge {
    const { cache, clock, blockSet } = this.#options;
    const age = clock.monotonic() - this.#decidedAt;
    const stale =
      cache.bindingsVersion !== this.#bindingsVersion ||
      (cache.version !== this.#version && age >= SEEN_MS) ||
      age >= TIME_MS;
    if (this.#judge !== undefined && !stale) return this.#judge;
    this.#blockSet = blockSet();
    this.#judge = new Judge(this.#blockSet);
    this.#forget();
    this.#decidedAt = clock.monotonic();
    // To decide may have told the cache what the policies refer to.
    this.#version = cache.version;
    this.#bindingsVersion = cache.bindingsVersion;
    return this.#judge;
  }

  #wanted({ owner: id, remote }: Drop): Wanted {
    const owner = id === undefined ? undefined : this.#blockSet?.owners.get(id);
    if (owner === undefined) return this.#blockSet?.everyone.get(remote) ?? [];
    if (remote === 'internet' || remote === 'lan') return owner[remote] ?? [];
    return owner.remotes.get(remote) ?? owner.networks.get(remote) ?? [];
  }

  #add(record: RecordId, device: NodeId | undefined, { packets, bytes }: Packet): void {
    const now = this.#options.clock.now();
    const key = `${record} ${device}`;
    const known = this.#totals.get(key);
    if (known === undefined && this.#totals.size >= MAX_TOTALS) {
      this.dropped += packets;
      return;
    }
    const total = known ?? { record, device, packets: 0, bytes: 0, first: now, last: now };
    total.packets += packets;
    total.bytes += bytes;
    total.last = now;
    this.#totals.set(key, total);
  }
}

function deviceOf(cache: NodeCache, address: Address): NodeId | undefined {
  return cache.deviceByAddress(undefined, address);
}
