/** What every packet says beside its data: numbers of segments, and time stamps (RFC 7323). */
export interface Header {
  /** The number of its segment, or of the next one that would be sent. */
  readonly nth: number;
  readonly ack: number;
  readonly sacks: readonly number[];
  readonly at: number;
  readonly echo: number;
}

/** When the other side is to be told that something arrived. */
export type Acknowledgement = 'now' | 'soon';

/** After so long without data the first packet is acknowledged at once, milliseconds (Linux, quick acknowledgements). */
const IDLE_MS = 200;
const NONE: readonly number[] = [];

/** The receiving half of a connection: puts segments in order, and knows what to say of them. */
export class TcpInbox<M> {
  #expected = 0;
  readonly #early = new Map<number, M | undefined>();
  /** Up to where the other side was told, and the time stamp to echo. */
  #told = 0;
  #echo = 0;
  #receivedAt = Number.NEGATIVE_INFINITY;

  /** What a packet says that goes out now; it carries the acknowledgement along. */
  said(): { readonly ack: number; readonly sacks: readonly number[]; readonly echo: number } {
    this.#told = this.#expected;
    return {
      ack: this.#expected,
      sacks: this.#early.size === 0 ? NONE : [...this.#early.keys()],
      echo: this.#echo,
    };
  }

  /** Any packet came. A copy of what is here already leaves the time stamp alone. */
  stamped({ nth, at }: Header, hasData: boolean): void {
    const copy = hasData && nth < this.#expected;
    if (!copy && nth <= this.#told) this.#echo = at;
  }

  /** A segment came: the messages that are whole now, in order. */
  take(nth: number, message: M | undefined, now: number): { messages: M[]; acknowledge: Acknowledgement } {
    const idle = now - this.#receivedAt > IDLE_MS;
    this.#receivedAt = now;
    const messages: M[] = [];
    // Doubled, or too early: the other side wants to know at once.
    if (nth !== this.#expected) {
      if (nth > this.#expected) this.#early.set(nth, message);
      return { messages, acknowledge: 'now' };
    }
    this.#next(message, messages);
    while (this.#early.has(this.#expected)) {
      const early = this.#early.get(this.#expected);
      this.#early.delete(this.#expected);
      this.#next(early, messages);
    }
    return { messages, acknowledge: idle ? 'now' : 'soon' };
  }

  clear(): void {
    this.#early.clear();
  }

  #next(message: M | undefined, into: M[]): void {
    this.#expected += 1;
    if (message !== undefined) into.push(message);
  }
}
