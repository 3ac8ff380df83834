import { type Clock, repeat, type Timer } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { Counters } from '../counters.ts';
import { within } from '../deadline.ts';
import { type Announcement, type HomeTag, seal, open as unseal } from './announcement.ts';
import { answer, MAX_DATAGRAM, mentions, question, read } from './dns-message.ts';
import { Looks } from './looks.ts';
import type { MdnsSocket, OpenMdns, SocketPlace } from './mdns-socket.ts';

export interface TalkOptions {
  readonly place: SocketPlace;
  readonly tag: HomeTag;
  readonly open: OpenMdns;
  readonly clock: Clock;
  readonly random: () => number;
  readonly counters: Counters;
  /** What we say of ourselves here; undefined when we cannot be dialled here. */
  readonly ours: () => Announcement | undefined;
  /** Whether a datagram from there came over this interface. */
  readonly isOnLink: (source: string) => boolean;
  /** A router of the home, or we ourselves, said where it is. */
  readonly onFound: (announcement: Announcement) => void;
}

/** Pauses between what is said unasked grow from the first to the second, milliseconds. While they grow, others are asked. */
export const FIRST_PAUSE_MS = 1_000;
export const LONGEST_PAUSE_MS = 60_000;
/** Many may answer one question: each waits by chance (RFC 6762, section 6), and says it at most once a second. */
const ANSWER_AFTER_MS = { least: 20, most: 120 };
const ANSWER_EVERY_MS = 1_000;
const OPEN_MS = 2_000;
const GOODBYE_MS = 500;
/** A socket that worked for so long has earned a quick new one. */
const SETTLED_MS = 60_000;

/** What is said and heard over one interface and one family: asks, answers, tells again before a lease would end. */
export class MdnsTalk {
  readonly #options: TalkOptions;
  readonly #looks: Looks;
  readonly #over = new AbortController();
  #socket: MdnsSocket | undefined;
  #broken: (error: Error) => void = () => undefined;
  #timer: Timer | undefined;
  #pending: Timer | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #round = 0;
  #problem: string | undefined;

  constructor(options: TalkOptions) {
    this.#options = options;
    this.#looks = new Looks(options.clock);
  }

  /** Why nothing is said or heard here now, in words. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(signal: AbortSignal): void {
    void repeat((inner) => this.#keep(inner), {
      clock: this.#options.clock,
      signal: AbortSignal.any([signal, this.#over.signal]),
      everyMs: FIRST_PAUSE_MS,
      maxMs: LONGEST_PAUSE_MS,
      random: this.#options.random,
      onFailure: (error) => {
        this.#problem = messageOf(error);
      },
    });
  }

  /** Our addresses changed: says so, and asks as at the start. */
  changed(): void {
    if (this.#socket === undefined) return;
    this.#timer?.clear();
    this.#round = 0;
    this.#next();
  }

  /** Ends it. When something can still be said here, caches are told to forget us (RFC 6762, section 10.1). */
  async stop(goodbye: boolean): Promise<void> {
    const { clock, tag, ours } = this.#options;
    const socket = this.#socket;
    const own = ours();
    this.#quiet();
    if (goodbye && socket !== undefined && own !== undefined) {
      const bytes = answer(tag.service, seal(own, tag), 0);
      await within(clock, GOODBYE_MS, this.#over.signal, 'goodbye', () => socket.send(bytes)).catch(
        (error) => {
          this.#problem = messageOf(error);
        },
      );
    }
    this.#over.abort(new Error('the talk is over'));
    socket?.close();
    this.#socket = undefined;
  }

  /** One socket from its opening to its end. */
  async #keep(signal: AbortSignal): Promise<void> {
    const { place, open, clock } = this.#options;
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => undefined);
    this.#broken = broken.reject;
    const aborted = () => broken.reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    const ears = { heard: (d: Uint8Array, s: string) => this.#heard(d, s), failed: broken.reject };
    const opening = within(clock, OPEN_MS, signal, 'mDNS', (inner) => open(place, ears, inner));
    const began = clock.monotonic();
    try {
      this.#socket = await opening;
      this.#round = 0;
      this.#next();
      await broken.promise;
    } catch (error) {
      if (clock.monotonic() - began < SETTLED_MS || this.#socket === undefined) throw error;
      this.#problem = messageOf(error);
    } finally {
      signal.removeEventListener('abort', aborted);
      this.#quiet();
      if (!signal.aborted) this.#close();
    }
  }

  #close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #quiet(): void {
    this.#timer?.clear();
    this.#pending?.clear();
    this.#pending = undefined;
  }

  /** Says that we are here, asks who else is, and comes back later. */
  #next(): void {
    const { clock, tag, random } = this.#options;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#round);
    this.#round += 1;
    if (pause < LONGEST_PAUSE_MS) this.#say('mdns.asked', question(tag.service));
    this.#tellSoon();
    this.#timer = clock.after(pause * (0.9 + 0.2 * random()), () => this.#next());
  }

  #tellSoon(): void {
    if (this.#pending !== undefined) return;
    const { clock, random } = this.#options;
    const { least, most } = ANSWER_AFTER_MS;
    const wait = Math.max(
      least + random() * (most - least),
      this.#toldAt + ANSWER_EVERY_MS - clock.monotonic(),
    );
    this.#pending = clock.after(wait, () => {
      this.#pending = undefined;
      this.#tell();
    });
  }

  #tell(): void {
    const { clock, tag, ours } = this.#options;
    const own = ours();
    if (own === undefined) return;
    this.#toldAt = clock.monotonic();
    this.#say('mdns.told', answer(tag.service, seal(own, tag)));
  }

  #say(what: string, datagram: Uint8Array): void {
    const socket = this.#socket;
    this.#options.counters.add(what);
    socket?.send(datagram).then(
      () => {
        if (socket === this.#socket) this.#problem = undefined;
      },
      (error) => {
        if (socket === this.#socket) this.#broken(error);
      },
    );
  }

  #heard(datagram: Uint8Array, source: string): void {
    const { tag, isOnLink, counters } = this.#options;
    if (datagram.length > MAX_DATAGRAM || !mentions(datagram, tag.service)) counters.add('mdns.foreign');
    else if (!isOnLink(source)) counters.add('mdns.elsewhere');
    else if (!this.#looks.allows(source)) counters.add('mdns.flooded');
    else this.#read(datagram);
  }

  #read(datagram: Uint8Array): void {
    const { tag, counters, onFound } = this.#options;
    const message = read(datagram, tag.service);
    if (!message.ok) {
      counters.add('mdns.rubbish');
      return;
    }
    if (message.value.asks) this.#tellSoon();
    for (const sealed of message.value.sealed) {
      const announcement = unseal(sealed, tag);
      if (announcement.ok) onFound(announcement.value);
      else counters.add('mdns.forged');
    }
  }
}
