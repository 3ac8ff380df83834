import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { OpId } from '../../policy/records.ts';
import { within } from '../deadline.ts';
import type { RegisterMark, ReplicatedOps, ReplicatedRegisters } from '../replicated.ts';
import { WIRE_VERSION } from '../wire.ts';
import { Admission, type AdmissionCount, type Partner } from './sync-admission.ts';
import { chunks, flaggedChunks, sameMarks } from './sync-chunks.ts';
import { compare, type Difference, differences, type Theirs } from './sync-compare.ts';
import { type Channel, type Sent, Talk } from './sync-talk.ts';

export interface SessionOptions {
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told before the first foreign op of a session that brings ops, and at its end. Always in pairs. */
  readonly onBatch?: ((edge: 'begin' | 'end') => void) | undefined;
  /** Ops that came so far, new or not, and how many are expected in all. */
  readonly onProgress?: ((received: number, expected: number) => void) | undefined;
  /** Given when the other side is to be metered. */
  readonly partner?: Partner | undefined;
  /** Only find out what differs, and bring nothing over. Default false. */
  readonly compare?: boolean;
}

export interface SessionResult extends Readonly<AdmissionCount> {
  /** compared: one side only wanted to know what differs. */
  readonly outcome: 'equal' | 'done' | 'compared' | 'failed';
  /** Why it failed, in our own words. */
  readonly reason: string | undefined;
  readonly opsOut: number;
  readonly registersOut: number;
  /** Ops that the other side held when it began; undefined when it did not say. */
  readonly theirOps: number | undefined;
  /** What differs, of one that only compared. */
  readonly difference: readonly Difference[];
}

/** At most so many chunks are on their way without having been admitted (overlay.md). */
const WINDOW = 4;
/**
 * A session is never longer, milliseconds; what is still missing comes with the next one. Silence ends it long before
 * (sync-talk.ts): this is room for 200,000 ops on a router that verifies 500 a second and has other things to do.
 */
const SESSION_MS = 3_600_000;

/**
 * One exchange with one peer, the same on both sides: hello; if the digests differ, digests per peer, heads of those
 * that differ, the missing ops both ways in two passes; registers; done. Equal replicas exchange two messages.
 * Never rejects: a peer that lies, stalls or sends rubbish ends its session with a reason, and what was admitted stays.
 */
export async function syncSession(channel: Channel, options: SessionOptions): Promise<SessionResult> {
  const session = new Session(channel, options);
  try {
    const outcome = await within(options.clock, SESSION_MS, options.signal, 'sync', () => session.run());
    return session.result(outcome, undefined);
  } catch (error) {
    session.abort(error);
    return session.result('failed', messageOf(error));
  }
}

class Session {
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  readonly #talk: Talk;
  readonly #admission: Admission;
  #opsOut = 0;
  #registersOut = 0;
  #theirOps: number | undefined;
  #difference: readonly Difference[] = [];
  /** Chunks: sent, acknowledged by them, admitted by us. */
  #sent = 0;
  #acked = 0;
  #admitted = 0;
  /** Up to where they held registers when they said hello; they send at least that much. */
  #theirMarks: ReadonlyMap<PeerKey, RegisterMark> | undefined;
  #theirPass = 0;
  #theirRegistersEnded = false;
  #senderDone = false;
  #changed = Promise.withResolvers<void>();
  #batch = false;
  /** Ops that they said they would send, and what their hello made us guess. */
  #coming = 0;
  #guess = 0;

  constructor(channel: Channel, options: SessionOptions) {
    this.#options = options;
    const { replica, registers, clock, partner } = options;
    this.#talk = new Talk(channel, clock, this.#stop.signal, partner?.pace);
    this.#admission = new Admission(replica, registers, clock, this.#stop.signal, partner);
  }

  async run(): Promise<Exclude<SessionResult['outcome'], 'failed'>> {
    const { replica, registers } = this.#options;
    const digest = replica.digest;
    const vector = registers.vector();
    await this.#talk.say({
      kind: 'hello',
      version: WIRE_VERSION,
      home: replica.home,
      digest,
      registers: vector,
      ops: replica.size,
      runs: true,
      compare: this.#options.compare === true,
    });
    const hello = await this.#talk.expect('hello');
    if (hello.version < 1) throw new Error('speaks no version that we know');
    if (hello.home !== replica.home) throw new Error('belongs to another home');
    this.#theirOps = hello.ops;
    const ops = hello.digest !== digest;
    const marks = sameMarks(hello.registers, vector) ? undefined : hello.registers;
    this.#theirMarks = marks;
    if (!ops && marks === undefined) return 'equal';
    const theirs = ops ? await compare(this.#talk, replica, hello.runs === true) : undefined;
    if (this.#options.compare === true || hello.compare === true) {
      if (this.#options.compare === true) this.#difference = differences(replica, registers, theirs, marks);
      return 'compared';
    }
    if (ops) this.#begin();
    this.#guess = Math.max(0, hello.ops - replica.size);
    await Promise.all([this.#sender(theirs, marks), this.#receiver(ops, marks !== undefined)]);
    this.#end();
    return 'done';
  }

  abort(reason: unknown): void {
    this.#stop.abort(reason);
    this.#changed.resolve();
    this.#end();
  }

  result(outcome: SessionResult['outcome'], reason: string | undefined): SessionResult {
    const { count } = this.#admission;
    const [opsOut, registersOut, theirOps] = [this.#opsOut, this.#registersOut, this.#theirOps];
    return { outcome, reason, ...count, opsOut, registersOut, theirOps, difference: this.#difference };
  }

  async #sender(
    theirs: Theirs | undefined,
    marks: ReadonlyMap<PeerKey, RegisterMark> | undefined,
  ): Promise<void> {
    if (theirs !== undefined) await this.#sendOps(theirs);
    if (marks !== undefined) await this.#sendRegisters(marks);
    this.#senderDone = true;
  }

  async #sendOps({ heads, peers }: Theirs): Promise<void> {
    const { replica } = this.#options;
    const first = replica.missing(heads, peers);
    await this.#sendEnvelopes(first.send);
    await this.#sendChunk({ kind: 'ops-end', pass: 1 });
    // Of the authors in whom they are ahead of us the answer is exact only after we have admitted theirs.
    await this.#until(() => this.#theirPass >= 1);
    if (first.deferred.length > 0) await this.#sendEnvelopes(replica.missing(heads, first.deferred).send);
    await this.#sendChunk({ kind: 'ops-end', pass: 2 });
  }

  async #sendEnvelopes(ids: readonly OpId[]): Promise<void> {
    if (ids.length > 0) await this.#talk.say({ kind: 'coming', ops: ids.length });
    const envelopes = ids
      .values()
      .map((id) => this.#options.replica.envelope(id))
      .filter((envelope) => envelope !== undefined);
    for (const part of chunks(envelopes, (envelope) => envelope.length + 4)) {
      await this.#sendChunk({ kind: 'ops', envelopes: part });
      this.#opsOut += part.length;
    }
  }

  async #sendRegisters(marks: ReadonlyMap<PeerKey, RegisterMark>): Promise<void> {
    for (const { peer, envelopes } of this.#options.registers.since(marks)) {
      for (const { part, last } of flaggedChunks(envelopes, (envelope) => envelope.length + 4)) {
        await this.#sendChunk({ kind: 'registers', peer, envelopes: part, last });
        this.#registersOut += part.length;
      }
    }
    await this.#sendChunk({ kind: 'registers-end' });
  }

  async #receiver(ops: boolean, marks: boolean): Promise<void> {
    const opsOpen = () => ops && this.#theirPass < 2;
    const registersOpen = () => marks && !this.#theirRegistersEnded;
    while (opsOpen() || registersOpen() || !this.#senderDone || this.#acked < this.#sent) {
      const message = await this.#talk.hear();
      if (message.kind === 'ack') {
        if (message.count <= this.#acked || message.count > this.#sent)
          throw new Error('acknowledges what was not sent');
        this.#acked = message.count;
      } else if (message.kind === 'coming') {
        this.#coming = Math.min(Number.MAX_SAFE_INTEGER, this.#coming + message.ops);
        this.#progressed();
      } else {
        const open = message.kind === 'ops' || message.kind === 'ops-end' ? opsOpen() : registersOpen();
        if (!open) throw new Error(`sends ${message.kind} out of turn`);
        await this.#admit(message);
        this.#admitted += 1;
        await this.#talk.say({ kind: 'ack', count: this.#admitted });
      }
      this.#wake();
    }
  }

  async #admit(message: Sent): Promise<void> {
    switch (message.kind) {
      case 'ops':
        await this.#admission.ops(message.envelopes);
        this.#progressed();
        return;
      case 'ops-end':
        if (message.pass !== this.#theirPass + 1) throw new Error('ends its ops out of turn');
        this.#theirPass = message.pass;
        return;
      case 'registers':
        return await this.#admission.registers(
          message.peer,
          message.envelopes,
          message.last ? this.#theirMarks?.get(message.peer) : undefined,
        );
      case 'registers-end':
        this.#theirRegistersEnded = true;
        return;
      default:
        throw new Error(`sends ${message.kind} out of turn`);
    }
  }

  async #sendChunk(message: Sent): Promise<void> {
    await this.#until(() => this.#sent - this.#acked < WINDOW);
    this.#sent += 1;
    await this.#talk.say(message);
  }

  /** Waits until the receiving half has brought about `condition`. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await this.#changed.promise;
      this.#stop.signal.throwIfAborted();
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #progressed(): void {
    const { opsIn, opsHeld, opsRefused } = this.#admission.count;
    const received = opsIn + opsHeld + opsRefused;
    const expected = this.#coming === 0 ? this.#guess : this.#coming;
    this.#options.onProgress?.(received, Math.max(received, expected));
  }

  #begin(): void {
    this.#batch = true;
    this.#options.onBatch?.('begin');
  }

  #end(): void {
    if (!this.#batch) return;
    this.#batch = false;
    this.#options.onBatch?.('end');
  }
}
