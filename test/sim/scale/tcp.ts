import type { Air } from './air.ts';
import { RetransmissionTimeout } from './rto.ts';
import { type Header, TcpInbox } from './tcp-inbox.ts';

/** As Linux has them, milliseconds (TCP_DELACK_MIN; what one packet alone on its way adds to a tail loss probe). */
const DELAYED_ACK_MS = 40;
const LONE_PROBE_MS = 200;
/** A connection without a process is forgotten before it waits longer than this between two tries, milliseconds (tcp(7)). */
const MAX_FINISH_MS = 60_000;
/** Ethernet, IPv4 and TCP with time stamps, bytes; and how much of a stream fits beside them into a packet. */
const HEADERS = 66;
const SEGMENT_BYTES = 1_448;

interface Segment<M> {
  readonly nth: number;
  readonly bytes: number;
  /** With the last segment of a message comes the message. */
  readonly message: M | undefined;
  /** When it was sent first; undefined before. */
  sentAt: number | undefined;
  retransmitted: boolean;
  sacked: boolean;
  /** Retransmitted because somebody said that a later one arrived. */
  filled: boolean;
}

/** What the end of a connection tells its owner. */
export interface TcpOwner<M> {
  message(message: M): void;
  /** The other side's kernel refused a packet: the connection is no more. */
  reset(): void;
}

export interface TcpCount {
  packets: number;
  bytes: number;
}

/**
 * One end of a TCP connection, cut down to what silence is made of: order, acknowledgements that ride on data, a tail loss
 * probe (RFC 8985), retransmission that doubles up to two minutes, and no new data meanwhile. Not here: windows, congestion
 * and bandwidth. Calibrated in the lab (docs/benchmarks.md, "sim: liveness").
 */
export class TcpEnd<M> {
  readonly #from: number;
  readonly #to: number;
  readonly #air: Air;
  readonly #owner: TcpOwner<M>;
  readonly #count: TcpCount;
  readonly #rto = new RetransmissionTimeout();
  #other: TcpEnd<M> | undefined;
  /** Ours: what is not acknowledged, in order; the first one's number is `#base`. */
  #unacked: Segment<M>[] = [];
  #base = 0;
  #backoff = 0;
  #probed = false;
  #deadline: number | undefined;
  #armed = false;
  readonly #inbox = new TcpInbox<M>();
  #ackDue = false;
  #closed = false;

  constructor(from: number, to: number, air: Air, owner: TcpOwner<M>, count: TcpCount) {
    this.#from = from;
    this.#to = to;
    this.#air = air;
    this.#owner = owner;
    this.#count = count;
    this.#rto.sample(air.roundTripMs);
  }

  /** The two ends of a connection belong together from here on. */
  join(other: TcpEnd<M>): void {
    this.#other = other;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How long it waits now before it sends again what was not acknowledged, milliseconds. */
  get timeoutMs(): number {
    return this.#rto.after(this.#backoff);
  }

  send(message: M, bytes: number): void {
    if (this.#closed) return;
    for (let left = bytes; left > 0; left -= SEGMENT_BYTES) {
      this.#unacked.push({
        nth: this.#base + this.#unacked.length,
        bytes: Math.min(left, SEGMENT_BYTES),
        message: left <= SEGMENT_BYTES ? message : undefined,
        sentAt: undefined,
        retransmitted: false,
        sacked: false,
        filled: false,
      });
    }
    // After a time-out one segment is on its way at a time (RFC 5681: the window is one segment).
    if (this.#backoff === 0) this.#sendNew();
  }

  /** Closes the connection and lets the other side know, with one packet that may be lost. */
  abort(): void {
    if (this.#closed) return;
    this.#close();
    this.#refuse();
  }

  /**
   * The process is gone, and its kernel ends the connection: it says so until that is acknowledged. (Of 600 connections in
   * the lab at 10 % loss 3 knew after more than a second, and 96 of 100 by a FIN.)
   */
  finish(): void {
    if (this.#closed) return;
    const timeout = this.#rto.after(0);
    this.#close();
    this.#say(timeout);
  }

  /** The other side's kernel knows nothing of this connection. */
  reset(): void {
    if (this.#closed) return;
    this.#close();
    this.#owner.reset();
  }

  #close(): void {
    this.#closed = true;
    this.#unacked = [];
    this.#inbox.clear();
  }

  #refuse(): void {
    this.#counted(0);
    this.#air.carry(this.#from, this.#to, () => this.#other?.reset());
  }

  /** A FIN, and again for as long as its acknowledgement does not come. */
  #say(timeoutMs: number): void {
    let acknowledged = false;
    this.#counted(0);
    this.#air.carry(this.#from, this.#to, () => {
      this.#other?.reset();
      this.#air.carry(this.#to, this.#from, () => {
        acknowledged = true;
      });
    });
    this.#air.timeline.after(timeoutMs, () => {
      if (!acknowledged && timeoutMs < MAX_FINISH_MS) this.#say(2 * timeoutMs);
    });
  }

  #sendNew(): void {
    for (const segment of this.#unacked) if (segment.sentAt === undefined) this.#transmit(segment);
  }

  #transmit(segment: Segment<M>): void {
    if (segment.sentAt === undefined) segment.sentAt = this.#air.timeline.monotonic();
    else segment.retransmitted = true;
    this.#packet(segment.nth, segment.bytes, segment);
    this.#arm();
  }

  #acknowledge(): void {
    const unsent = this.#unacked.findIndex((segment) => segment.sentAt === undefined);
    this.#packet(this.#base + (unsent === -1 ? this.#unacked.length : unsent), 0, undefined);
  }

  #packet(nth: number, bytes: number, segment: Segment<M> | undefined): void {
    const header: Header = { nth, at: this.#air.timeline.monotonic(), ...this.#inbox.said() };
    this.#ackDue = false;
    this.#counted(bytes);
    this.#air.carry(this.#from, this.#to, () => this.#other?.receive(header, segment));
  }

  #counted(bytes: number): void {
    this.#count.packets += 1;
    this.#count.bytes += bytes + HEADERS;
  }

  /** A packet of the other side; one without data only acknowledges. */
  receive(header: Header, segment: { readonly message: M | undefined } | undefined): void {
    if (this.#closed) {
      this.#refuse();
      return;
    }
    this.#inbox.stamped(header, segment !== undefined);
    this.#acked(header);
    if (segment !== undefined) this.#data(header.nth, segment.message);
  }

  #data(nth: number, message: M | undefined): void {
    const { timeline } = this.#air;
    const { messages, acknowledge } = this.#inbox.take(nth, message, timeline.monotonic());
    this.#ackDue = true;
    for (const one of messages) if (!this.#closed) this.#owner.message(one);
    // What the owner said meanwhile has carried the acknowledgement along.
    const still = () => {
      if (this.#ackDue && !this.#closed) this.#acknowledge();
    };
    if (acknowledge === 'now') still();
    else timeline.after(DELAYED_ACK_MS, still);
  }

  #acked({ ack, sacks, echo }: Header): void {
    const gone = ack > this.#base ? this.#unacked.splice(0, ack - this.#base) : [];
    this.#base += gone.length;
    for (const nth of sacks) {
      const segment = this.#unacked[nth - this.#base];
      if (segment !== undefined) segment.sacked = true;
    }
    const [first] = gone;
    if (first !== undefined) {
      const again = gone.some((segment) => segment.retransmitted);
      this.#rto.sample(this.#air.timeline.monotonic() - (again ? echo : (first.sentAt ?? echo)));
      this.#progressed();
    }
    if (sacks.length > 0) this.#fillHoles(Math.max(...sacks));
  }

  #progressed(): void {
    const backedOff = this.#backoff > 0;
    this.#backoff = 0;
    this.#probed = false;
    this.#deadline = undefined;
    // What was on its way when the time-out struck counts as lost.
    if (backedOff) {
      for (const segment of this.#unacked)
        if (segment.sentAt !== undefined && !segment.sacked) this.#transmit(segment);
    }
    this.#sendNew();
    if (this.#unacked.length > 0) this.#arm();
  }

  /** What is missing before something that has arrived is sent again, once (RFC 8985, RACK). */
  #fillHoles(upTo: number): void {
    for (const segment of this.#unacked) {
      if (segment.nth >= upTo) return;
      if (segment.sacked || segment.filled || segment.sentAt === undefined) continue;
      segment.filled = true;
      this.#transmit(segment);
    }
  }

  #arm(): void {
    const { timeline } = this.#air;
    this.#deadline ??= timeline.monotonic() + this.#waitMs();
    if (this.#armed) return;
    this.#armed = true;
    timeline.after(this.#deadline - timeline.monotonic(), () => this.#fire());
  }

  #waitMs(): number {
    const timeout = this.#rto.after(this.#backoff);
    if (this.#probed || this.#backoff > 0) return timeout;
    const lone = this.#unacked.length === 1 ? LONE_PROBE_MS : 2;
    return Math.min(timeout, 2 * this.#rto.smoothedMs + lone);
  }

  /** One event stands for all time-outs: most of them are put off before they come. */
  #fire(): void {
    this.#armed = false;
    const head = this.#unacked[0];
    if (this.#closed || head === undefined) return;
    if (this.#deadline === undefined || this.#air.timeline.monotonic() < this.#deadline) {
      this.#arm();
      return;
    }
    this.#deadline = undefined;
    if (!this.#probed && this.#backoff === 0) {
      this.#probed = true;
      const last = this.#unacked.findLast((segment) => segment.sentAt !== undefined && !segment.sacked);
      this.#transmit(last ?? head);
      return;
    }
    this.#backoff += 1;
    for (const segment of this.#unacked) segment.filled = false;
    this.#transmit(head);
  }
}
