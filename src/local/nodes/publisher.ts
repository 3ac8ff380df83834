import type { Clock, Timer } from '../../clock.ts';
import { isPrivate } from '../../policy/address.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { News } from '../../policy/news.ts';
import type { Register, RouterCard } from '../../policy/register-codec.ts';
import { compare, MAX_REGISTERS_PER_PEER, type Registers, type Stamp } from '../../policy/registers.ts';
import type { NodeCache } from './node-cache.ts';

export interface PublisherOptions {
  readonly registers: Registers;
  readonly key: { peer: PeerKey; sign(message: Uint8Array): Uint8Array };
  readonly cache: NodeCache;
  readonly clock: Clock;
  /** The nodes to describe: those that a live record refers to. Another set when they changed. */
  readonly persistent: () => ReadonlySet<NodeId>;
  /** What this router says of itself. */
  readonly card: () => RouterCard;
  /** A register was written: tell the others. */
  readonly onPublished: (register: Register) => void;
  /** 0 ≤ random < 1; default Math.random. */
  readonly random?: () => number;
}

/** A node is described at most once in this time, milliseconds. */
const AT_MOST_EVERY_MS = 1_000;
const CARD = '';
/**
 * A generation counts memories in its upper part and is chance in its lower, so that two lives that know nothing of each
 * other never count their changes in the same one: what differs would look equal.
 */
const COUNT = 2 ** 16;
/** A memory that began empty counts as none for so long, milliseconds: time to hear of an older self, which is greater. */
const YOUNG_MS = 60_000;
/** So long the rest of what an older self had said is waited for, milliseconds; a sync brings it in one go. */
const REST_MS = 5_000;

/**
 * Keeps this router's registers equal to what it knows of the persistent nodes and of itself. Each start begins a new
 * generation by saying everything anew. After a loss of its store a router hears of its own older registers from the
 * others: it takes them up again and goes on in a generation after theirs.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #written = new Map<string, { at: number; text: string }>();
  /** What we have said in this generation, by node; the card under ''. */
  readonly #held = new Map<string, Register>();
  /** What has changed since the last look: only that is looked at, or every change of the policy would cost all nodes. */
  readonly #changed: News<NodeId>;
  #persistent: ReadonlySet<NodeId> = new Set();
  /** Of these something else is to be said when their turn comes. */
  readonly #waiting = new Set<string>();
  /** Everything is to be looked at. */
  #anew = true;
  readonly #born: number;
  #last: Stamp;
  #olderSince: number | undefined;
  /** The version of the registers that was last taken up into the cache. */
  #restoredAt = -1;
  /** The version of the registers up to which no older self has spoken. */
  #aloneAt = -1;
  #timer: Timer | undefined;
  #stopped = false;
  /** Persistent nodes that are not described because there are too many. */
  undescribed = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#born = options.clock.monotonic();
    this.#last = this.#highest();
    this.#changed = options.cache.changes();
    options.cache.restore(this.#described());
    // The newest that this router said may have been lost with the process, and others hold it: nothing may be said twice
    // under one stamp.
    if (this.#last.gen > 0) this.#begin(this.#last.gen);
  }

  /**
   * The same as `notify()`, but what it writes is told to the others when the answer is called: together with the change
   * that it is about, so that they decide once and not twice.
   */
  hold(): () => void {
    const written: Register[] = [];
    this.notify((register) => void written.push(register));
    return () => {
      for (const register of written) this.#options.onPublished(register);
    };
  }

  /** Something changed: publishes what differs, now or as soon as a node's turn comes again. */
  notify(tell: (register: Register) => void = this.#options.onPublished): void {
    if (this.#stopped) return;
    this.#timer?.clear();
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    const wait = this.#older(now);
    if (wait > 0) {
      this.#timer = this.#options.clock.after(wait, () => this.notify());
      return;
    }
    let next = this.#grow(now);
    for (const [id, about] of this.#wanted()) {
      this.#waiting.delete(id);
      const register = this.#held.get(id);
      const written = this.#written.get(id);
      const same = sameAs(register, about) || written?.text === JSON.stringify(about);
      if (same && register !== undefined) continue;
      // A node that nobody describes is described at once: a block of it is answered, and must survive us.
      const isNew = id !== CARD && about !== undefined && register?.descriptor === undefined;
      const due = (written?.at ?? Number.NEGATIVE_INFINITY) + AT_MOST_EVERY_MS;
      if (due > now && !isNew) {
        this.#waiting.add(id);
        next = Math.min(next, due);
      } else tell(this.#write(id, about));
    }
    this.#aloneAt = this.#options.registers.version;
    if (next < Number.POSITIVE_INFINITY) {
      this.#timer = this.#options.clock.after(Math.max(0, next - now), () => this.notify());
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
  }

  /**
   * Takes up what an older self had said, once all of it is here: a new generation ends the older one, and what came
   * later would be lost. Answers how long to wait for the rest, milliseconds.
   */
  #older(now: number): number {
    const { registers, key, cache } = this.#options;
    if (this.#aloneAt === registers.version) return 0;
    const highest = this.#highest();
    if (compare(highest, this.#last) <= 0) return 0;
    this.#olderSince ??= now;
    // What is here already counts at once: the kernel is waiting for these addresses. Once, for the cache tells us of it.
    if (this.#restoredAt !== registers.version) {
      this.#restoredAt = registers.version;
      cache.restore(this.#described());
    }
    const whole = registers.vector().get(key.peer);
    const wait = this.#olderSince + REST_MS - now;
    if (wait > 0 && (whole === undefined || compare(whole, highest) < 0)) return wait;
    this.#olderSince = undefined;
    this.#begin(highest.gen);
    return 0;
  }

  /** Begins a new generation when it is time to; answers when that will be. */
  #grow(now: number): number {
    if (this.#last.gen === 0) this.#begin(-COUNT);
    if (this.#last.gen >= COUNT) return Number.POSITIVE_INFINITY;
    const grown = this.#born + YOUNG_MS;
    if (grown > now) return grown;
    this.#begin(this.#last.gen);
    return Number.POSITIVE_INFINITY;
  }

  #begin(after: number): void {
    const { random = Math.random } = this.#options;
    const count = Math.floor(after / COUNT) + 1;
    this.#last = { gen: count * COUNT + 1 + Math.floor(random() * (COUNT - 1)), rev: 0 };
    this.#written.clear();
    this.#held.clear();
    this.#anew = true;
  }

  /** What should be said of all that may have changed; nodes that were described and are persistent no longer are taken back. */
  #wanted(): Map<string, Descriptor | RouterCard | undefined> {
    const { card, cache, persistent } = this.#options;
    const before = this.#persistent;
    const now = persistent();
    const changed = this.#changed.take();
    this.#persistent = now;
    // Who found no room may find some now.
    const all = this.#anew || changed === undefined || this.undescribed > 0;
    const ids = all
      ? [...now, ...this.#held.keys()]
      : [...changed, ...(now === before ? [] : now.symmetricDifference(before)), ...this.#waiting];
    this.#anew = false;
    this.undescribed = 0;

    const wanted = new Map<string, Descriptor | RouterCard | undefined>([[CARD, card()]]);
    let room = MAX_REGISTERS_PER_PEER - this.#held.size - (this.#held.has(CARD) ? 0 : 1);
    for (const id of new Set(ids)) {
      if (id === CARD) continue;
      const descriptor = now.has(id) ? shareable(cache.descriptor(id)) : undefined;
      if (this.#held.has(id)) wanted.set(id, descriptor);
      else if (descriptor !== undefined && room > 0) {
        wanted.set(id, descriptor);
        room -= 1;
      } else if (descriptor !== undefined) this.undescribed += 1;
      else this.#waiting.delete(id);
    }
    return wanted;
  }

  #write(id: string, about: Descriptor | RouterCard | undefined): Register {
    const { registers, key, clock } = this.#options;
    this.#last = { gen: this.#last.gen, rev: this.#last.rev + 1 };
    const register = registers.author(key, this.#last, id === CARD ? undefined : id, about);
    if (registers.register(key.peer, id) === register) this.#held.set(id, register);
    if (about === undefined) this.#written.delete(id);
    else this.#written.set(id, { at: clock.monotonic(), text: JSON.stringify(about) });
    return register;
  }

  #highest(): Stamp {
    let highest: Stamp = { gen: 0, rev: 0 };
    for (const { gen, rev } of this.#options.registers.of(this.#options.key.peer)) {
      if (compare({ gen, rev }, highest) > 0) highest = { gen, rev };
    }
    return highest;
  }

  #described(): Descriptor[] {
    const registers = this.#options.registers.of(this.#options.key.peer);
    return registers.flatMap((register) => register.descriptor ?? []);
  }
}

/**
 * A descriptor in a fixed order, without what means nothing to other routers; undefined when nothing is left. Names keep their
 * order: a device is shown by its first one, everywhere.
 */
export function shareable(descriptor: Descriptor | undefined): Descriptor | undefined {
  if (descriptor === undefined) return undefined;
  const { node, device, macs, domains, names } = descriptor;
  const addresses = descriptor.addresses
    .filter(({ address }) => device || !isPrivate(address))
    .map(({ address, segment }) => (segment === undefined ? { address } : { address, segment }))
    .sort((x, y) => order(`${x.segment} ${x.address}`, `${y.segment} ${y.address}`));
  if (macs.length + addresses.length + domains.length === 0) return undefined;
  return {
    node,
    device,
    macs: [...macs].sort(),
    addresses,
    domains: [...domains].sort(),
    names: [...new Set(names)],
  };
}

function order(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

function sameAs(register: Register | undefined, about: Descriptor | RouterCard | undefined): boolean {
  if (register === undefined) return false;
  return JSON.stringify(register.descriptor ?? register.card) === JSON.stringify(about);
}
