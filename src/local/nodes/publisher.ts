import type { Clock, Timer } from '../../clock.ts';
import { isPrivate } from '../../policy/address.ts';
import type { NodeId } from '../../policy/block-set.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Descriptor } from '../../policy/descriptor.ts';
import type { Register, RouterCard } from '../../policy/register-codec.ts';
import { compare, type Registers, type Stamp } from '../../policy/registers.ts';
import type { NodeCache } from './node-cache.ts';

export interface PublisherOptions {
  readonly registers: Registers;
  readonly key: { peer: PeerKey; sign(message: Uint8Array): Uint8Array };
  readonly cache: NodeCache;
  readonly clock: Clock;
  /** The nodes to describe: those that a live record refers to. */
  readonly persistent: () => ReadonlySet<NodeId>;
  /** What this router says of itself. */
  readonly card: () => RouterCard;
  /** A register was written: tell the others. */
  readonly onPublished: (register: Register) => void;
}

/** A node is described at most once in this time, milliseconds. */
const AT_MOST_EVERY_MS = 1_000;
const CARD = '';

/**
 * Keeps this router's registers equal to what it knows of the persistent nodes and of itself. After a loss of its
 * store a router hears of its own older registers from the others: it takes them up again and goes on in a new
 * generation.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #written = new Map<string, { at: number; text: string }>();
  #last: Stamp;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#last = this.#highest();
    options.cache.restore(this.#described());
  }

  /** Something changed: publishes what differs, now or as soon as a node's turn comes again. */
  notify(): void {
    if (this.#stopped) return;
    this.#timer?.clear();
    this.#timer = undefined;
    this.#adoptOlderSelf();
    const { registers, key, clock } = this.#options;
    const held = new Map(registers.of(key.peer).map((register) => [register.node ?? CARD, register]));
    let next = Number.POSITIVE_INFINITY;
    for (const [id, about] of this.#wanted(held)) {
      const register = held.get(id);
      const written = this.#written.get(id);
      const same = sameAs(register, about) || written?.text === JSON.stringify(about);
      if (same && register?.gen === this.#last.gen) continue;
      const due = (written?.at ?? Number.NEGATIVE_INFINITY) + AT_MOST_EVERY_MS;
      if (due > clock.monotonic()) next = Math.min(next, due);
      else this.#write(id, about);
    }
    if (next < Number.POSITIVE_INFINITY) {
      this.#timer = clock.after(Math.max(0, next - clock.monotonic()), () => this.notify());
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.clear();
  }

  /** What should be said; nodes that were described and are persistent no longer are taken back. */
  #wanted(held: ReadonlyMap<string, Register>): Map<string, Descriptor | RouterCard | undefined> {
    const wanted = new Map<string, Descriptor | RouterCard | undefined>([[CARD, this.#options.card()]]);
    for (const id of this.#options.persistent()) {
      const descriptor = shareable(this.#options.cache.descriptor(id));
      if (descriptor !== undefined || held.has(id)) wanted.set(id, descriptor);
    }
    for (const [id, register] of held) {
      if (!wanted.has(id) && (register.descriptor !== undefined || register.gen !== this.#last.gen)) {
        wanted.set(id, undefined);
      }
    }
    return wanted;
  }

  #write(id: string, about: Descriptor | RouterCard | undefined): void {
    const { registers, key, clock, onPublished } = this.#options;
    this.#last = { gen: Math.max(1, this.#last.gen), rev: this.#last.rev + 1 };
    const register = registers.author(key, this.#last, id === CARD ? undefined : id, about);
    if (about === undefined) this.#written.delete(id);
    else this.#written.set(id, { at: clock.monotonic(), text: JSON.stringify(about) });
    onPublished(register);
  }

  #adoptOlderSelf(): void {
    const highest = this.#highest();
    if (compare(highest, this.#last) <= 0) return;
    this.#last = { gen: highest.gen + 1, rev: 0 };
    this.#options.cache.restore(this.#described());
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

/** A descriptor in a fixed order, without what means nothing to other routers; undefined when nothing is left. */
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
    names: [...new Set(names)].sort(),
  };
}

function order(x: string, y: string): number {
  return x < y ? -1 : x > y ? 1 : 0;
}

function sameAs(register: Register | undefined, about: Descriptor | RouterCard | undefined): boolean {
  if (register === undefined) return false;
  return JSON.stringify(register.descriptor ?? register.card) === JSON.stringify(about);
}
