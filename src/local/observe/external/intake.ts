import type { Clock, Timer } from '../../../clock.ts';
import type { Address } from '../../../policy/block-set.ts';
import type { Packet } from '../packet.ts';
import type { Reading } from '../seen.ts';
import { parseMessage } from './message.ts';

/** More messages in a second are not looked at. A source reports each flow once a second. */
const MAX_PER_SECOND = 5_000;
const MAX_HELD = 32_768;
/** Packets are let go this many milliseconds apart, not each by itself. */
const RELEASE_MS = 100;

export interface IntakeOptions {
  clock: Clock;
  /**
   * How long packets are held back, milliseconds: longer than this router takes to notice that a device's traffic goes
   * through its own kernel.
   */
  holdMs: number;
  /** The LAN interface to which an address belongs: the source does not tell where it saw a neighbour. */
  interfaceOf: (address: Address) => string | undefined;
  /** Whether this is the address of a device whose connections the own kernel follows. */
  isFollowed: (address: Address) => boolean;
  onPacket: (packet: Packet) => void;
  onReading: (reading: Reading) => void;
}

/**
 * What becomes of messages. Nothing is counted twice: packets are held back for a moment, and those of a device that the own
 * kernel follows then are left out, because conntrack counts them. The external source is for traffic that passes by
 * (a mirror port, a box that only bridges).
 */
export class ExternalIntake {
  readonly #options: IntakeOptions;
  /** Oldest first. */
  readonly #held = new Set<{ readonly due: number; readonly packet: Packet }>();
  #timer: Timer | undefined;
  #second = Number.NEGATIVE_INFINITY;
  #inSecond = 0;
  readonly counters = {
    packets: 0,
    answers: 0,
    questions: 0,
    neighbours: 0,
    /** Messages that are none (message.ts has the reasons). */
    ignored: 0,
    /** Neighbours with an address of no LAN interface. */
    elsewhere: 0,
    /** Messages about packets that conntrack counts. */
    followed: 0,
    /** Messages beyond what is taken in a second or held. */
    dropped: 0,
  };

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** One message, header and all. */
  take(bytes: Uint8Array): void {
    if (this.#isTooMuch()) {
      this.counters.dropped += 1;
      return;
    }
    const message = parseMessage(bytes);
    if (typeof message === 'string') {
      this.counters.ignored += 1;
      return;
    }
    const { onReading } = this.#options;
    if (message.kind === 'packet') this.#hold(message.packet);
    // That somebody asks says nothing that an answer would not say, and no MAC.
    else if (message.kind === 'question') this.counters.questions += 1;
    else if (message.kind === 'answer') {
      this.counters.answers += 1;
      const { domain, address, ttlS } = message;
      onReading({ kind: 'answer', domain, chain: [], addresses: [address], ttlS });
    } else {
      const { address, mac } = message;
      const name = this.#options.interfaceOf(address);
      if (name === undefined) this.counters.elsewhere += 1;
      else {
        this.counters.neighbours += 1;
        onReading({ kind: 'seen', interface: name, address, mac, present: true, fresh: true });
      }
    }
  }

  /** No more messages come: what is held back is counted now. */
  finish(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#release(Number.POSITIVE_INFINITY);
  }

  #isTooMuch(): boolean {
    const second = Math.floor(this.#options.clock.monotonic() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += 1;
    return this.#inSecond > MAX_PER_SECOND;
  }

  #hold(packet: Packet): void {
    if (this.#held.size >= MAX_HELD) {
      this.counters.dropped += 1;
      return;
    }
    const { clock, holdMs } = this.#options;
    this.#held.add({ due: clock.monotonic() + holdMs, packet });
    this.#timer ??= clock.after(holdMs, () => this.#due());
  }

  #due(): void {
    this.#timer = undefined;
    const now = this.#options.clock.monotonic();
    this.#release(now);
    for (const { due } of this.#held) {
      this.#timer = this.#options.clock.after(Math.max(RELEASE_MS, due - now), () => this.#due());
      break;
    }
  }

  #release(until: number): void {
    const { isFollowed, onPacket } = this.#options;
    for (const one of this.#held) {
      if (one.due > until) break;
      this.#held.delete(one);
      const { packet } = one;
      if (isFollowed(packet.src) || isFollowed(packet.dst)) this.counters.followed += 1;
      else {
        this.counters.packets += packet.packets;
        onPacket(packet);
      }
    }
  }
}
