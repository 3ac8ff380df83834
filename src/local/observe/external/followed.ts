import type { Clock } from '../../../clock.ts';
import type { Address } from '../../../policy/block-set.ts';
import type { ConntrackEntry } from '../conntrack.ts';
import type { EntrySink } from '../conntrack-source.ts';

/** The caps of what is remembered, and for how long after its last entry, milliseconds. */
const MAX_ADDRESSES = 8_192;
const FOR_MS = 60 * 60_000;
/** An address is not noted again so soon. */
const FRESH_MS = 60_000;

export interface FollowedPlaces {
  /** An address of the router itself. */
  isOwn(address: Address): boolean;
  /** In a prefix of the LAN. */
  isLan(address: Address): boolean;
}

/**
 * The devices, by their addresses, whose connections this router's own kernel forwards and follows, so that conntrack counts
 * them. What a device says to the router itself does not count: a box beside the router hears that as well. When there are
 * too many, the one that was noted longest ago is forgotten.
 */
export class Followed {
  readonly #clock: Clock;
  readonly #places: FollowedPlaces;
  /** Until when, oldest first. */
  readonly #until = new Map<Address, number>();

  constructor(clock: Clock, places: FollowedPlaces) {
    this.#clock = clock;
    this.#places = places;
  }

  has(address: Address): boolean {
    return (this.#until.get(address) ?? Number.NEGATIVE_INFINITY) > this.#clock.monotonic();
  }

  /** A sink that notes every entry here before it goes on. */
  beside(sink: EntrySink): EntrySink {
    const after =
      <T>(next: (entry: ConntrackEntry) => T) =>
      (entry: ConntrackEntry): T => {
        this.note(entry);
        return next(entry);
      };
    return {
      get counters() {
        return sink.counters;
      },
      get size() {
        return sink.size;
      },
      begin: () => sink.begin(),
      note: after((entry) => sink.note(entry)),
      // What is noted here ends by itself, so it is told whole each time.
      again: () => false,
      end: (families) => sink.end(families),
      began: after((entry) => sink.began(entry)),
      ended: after((entry) => sink.ended(entry)),
    };
  }

  /** Of a connection between two devices the one that opened it will do: its packets have both addresses. */
  note({ original, reply }: ConntrackEntry): void {
    const { isOwn, isLan } = this.#places;
    if (isOwn(original.src) || isOwn(reply.src)) return;
    if (this.#until.has(original.src) || isLan(original.src)) this.#keep(original.src);
    else if (this.#until.has(reply.src) || isLan(reply.src)) this.#keep(reply.src);
  }

  #keep(address: Address): void {
    const until = this.#clock.monotonic() + FOR_MS;
    if (until - (this.#until.get(address) ?? Number.NEGATIVE_INFINITY) < FRESH_MS) return;
    this.#until.delete(address);
    this.#until.set(address, until);
    const [oldest] = this.#until.keys();
    if (this.#until.size > MAX_ADDRESSES && oldest !== undefined) this.#until.delete(oldest);
  }
}
