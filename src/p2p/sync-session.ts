import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { PeerKey } from '../policy/crypto.ts';
import type { OpId } from '../policy/records.ts';
import { within } from './deadline.ts';
import type { ActorHeads, RegisterMark, ReplicatedOps, ReplicatedRegisters } from './replicated.ts';
import { Admission, type AdmissionCount } from './sync-admission.ts';
import { chunks, differing, flaggedChunks, sameMarks } from './sync-chunks.ts';
import { type Channel, type Sent, Talk } from './sync-talk.ts';
import { WIRE_VERSION } from './wire.ts';

export interface SessionOptions {
  readonly replica: ReplicatedOps;
  readonly registers: ReplicatedRegisters;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told before the first foreign op of a session that brings ops, and at its end. Always in pairs. */
  readonly onBatch?: ((edge: 'begin' | 'end') => void) | undefined;
}

export interface SessionResult extends Readonly<AdmissionCount> {
  readonly outcome: 'equal' | 'done' | 'failed';
  /** Why it failed, in our own words. */
  readonly reason: string | undefined;
  readonly opsOut: number;
  readonly registersOut: number;
}

/** At most so many chunks are on their way without having been admitted (overlay.md). */
const WINDOW = 4;
/** A session is never longer, milliseconds; what is still missing comes with the next one. */
const SESSION_MS = 300_000;
const MAX_HEAD_MESSAGES = 1_024;

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

interface Theirs {
  readonly heads: readonly ActorHeads[];
  readonly peers: readonly PeerKey[];
}

class Session {
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  readonly #talk: Talk;
  readonly #admission: Admission;
  #opsOut = 0;
  #registersOut = 0;
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

  constructor(channel: Channel, options: SessionOptions) {
    this.#options = options;
    const { replica, registers, clock } = options;
    this.#talk = new Talk(channel, clock, this.#stop.signal);
    this.#admission = new Admission(replica, registers, clock, this.#stop.signal);
  }

  async run(): Promise<'equal' | 'done'> {
    const { replica, registers } = this.#options;
    const digest = replica.digest;
    const vector = registers.vector();
    await this.#talk.say({
      kind: 'hello',
      version: WIRE_VERSION,
      home: replica.home,
      digest,
      registers: vector,
    });
    const hello = await this.#talk.expect('hello');
    if (hello.version < 1) throw new Error('speaks no version that we know');
    if (hello.home !== replica.home) throw new Error('belongs to another home');
    const ops = hello.digest !== digest;
    const marks = sameMarks(hello.registers, vector) ? undefined : hello.registers;
    this.#theirMarks = marks;
    if (!ops && marks === undefined) return 'equal';
    const theirs = ops ? await this.#compare() : undefined;
    if (ops) this.#begin();
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
    return { outcome, reason, ...count, opsOut: this.#opsOut, registersOut: this.#registersOut };
  }

  /** Digests per peer, then the heads of the peers that differ. */
  async #compare(): Promise<Theirs> {
    const mine = this.#options.replica.peerDigests();
    await this.#talk.say({ kind: 'digests', digests: mine });
    const { digests } = await this.#talk.expect('digests');
    const peers = differing(mine, digests);
    const [heads] = await Promise.all([this.#hearHeads(), this.#sayHeads(peers)]);
    return { heads, peers };
  }

  async #sayHeads(peers: readonly PeerKey[]): Promise<void> {
    const heads = this.#options.replica.heads(peers);
    for (const { part, last } of flaggedChunks(heads, (actor) => 64 + 48 * actor.heads.length)) {
      await this.#talk.say({ kind: 'heads', actors: part, last });
    }
  }

  async #hearHeads(): Promise<ActorHeads[]> {
    const heads: ActorHeads[] = [];
    for (let i = 0; i < MAX_HEAD_MESSAGES; i++) {
      const message = await this.#talk.expect('heads');
      heads.push(...message.actors);
      if (message.last) return heads;
    }
    throw new Error('sends heads without end');
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
        if (message.count < this.#acked || message.count > this.#sent)
          throw new Error('acknowledges what was not sent');
        this.#acked = message.count;
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
        return await this.#admission.ops(message.envelopes);
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
