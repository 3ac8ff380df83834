import type { Stream } from '@libp2p/interface';
import type { Clock } from '../clock.ts';
import { messageOf, TemporaryError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PeerKey } from '../policy/crypto.ts';
import { StreamChannel } from './channel.ts';
import type { Counters } from './counters.ts';
import { within } from './deadline.ts';
import type { Overlay } from './overlay.ts';
import { Pace } from './pace.ts';
import {
  type Answer,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  MAX_ANSWER_BYTES,
  MAX_QUESTION_BYTES,
  type Question,
  type Refusal,
} from './question-wire.ts';
import { WIRE_VERSION } from './wire.ts';

export const ASK_PROTOCOL = '/hedgerow/ask/1';

export interface QuestionsOptions {
  readonly overlay: Overlay;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Whether a peer is a member that is counted now; one that we only remember as a sponsor is none. */
  readonly isMember: (peer: PeerKey) => boolean;
  /** Computes an answer, which is JSON, for the member that asks. Undefined: nothing is answered. */
  readonly answer: ((question: Question, peer: PeerKey) => Promise<Answer>) | undefined;
}

/** From the first byte of a question to the last of its answer, milliseconds. */
const ANSWER_MS = 10_000;
/** A member may ask so often at once, and so often a second after that: an answer can cost a tenth of a second. */
const BURST = 10;
const PER_SECOND = 0.5;
const MAX_PEERS = 4_096;

/**
 * A member asks another member's agent for what only that one knows. It is computed there, sent once on a stream of its own,
 * and neither kept nor relayed by anybody.
 */
export class Questions {
  readonly #options: QuestionsOptions;
  readonly #paces = new Map<PeerKey, Pace>();
  /** Who is being answered, and who is being asked, now. */
  readonly #answering = new Set<PeerKey>();
  readonly #asking = new Set<PeerKey>();
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await this.#options.overlay.handle(ASK_PROTOCOL, (peer, stream) => void this.#accept(peer, stream));
  }

  /**
   * Asks one member. TemporaryError when it cannot be reached, is being asked already, does not answer in time or answers
   * rubbish; what it refuses is an answer.
   */
  async ask(peer: PeerKey, view: string, params: string): Promise<Answer> {
    const { overlay, clock, counters } = this.#options;
    if (this.#asking.has(peer)) throw new TemporaryError('it is being asked already');
    this.#asking.add(peer);
    let channel: StreamChannel | undefined;
    try {
      counters.add('ask.asked');
      return await within(clock, ANSWER_MS, this.#signal, 'ask', async (signal) => {
        const stream = await overlay.open(peer, ASK_PROTOCOL, signal);
        signal.addEventListener('abort', () => stream.abort(new Error('no longer waited for')), {
          once: true,
        });
        channel = new StreamChannel(stream, MAX_ANSWER_BYTES + 64);
        await channel.send(encodeQuestion({ version: WIRE_VERSION, view, params }));
        const bytes = await channel.receive();
        if (bytes === undefined) throw new TemporaryError('it did not answer');
        const decoded = decodeAnswer(bytes);
        if (!decoded.ok) throw new TemporaryError(`its answer cannot be read: ${decoded.why}`);
        return decoded.value;
      });
    } catch (error) {
      counters.add('ask.failed');
      if (error instanceof TemporaryError) throw error;
      throw new TemporaryError(messageOf(error), { cause: error });
    } finally {
      this.#asking.delete(peer);
      channel?.abort(new Error('answered'));
    }
  }

  forget(peer: PeerKey): void {
    this.#paces.delete(peer);
  }

  async #accept(peer: PeerKey, stream: Stream): Promise<void> {
    const { clock, counters, log } = this.#options;
    const channel = new StreamChannel(stream, MAX_QUESTION_BYTES);
    const refusal = this.#refusal(peer);
    if (refusal === undefined) this.#answering.add(peer);
    try {
      await within(clock, ANSWER_MS, this.#signal, 'ask', async (signal) => {
        const answer: Answer =
          refusal === undefined ? await this.#answer(channel, peer) : { kind: 'refused', why: refusal };
        counters.add(answer.kind === 'view' ? 'ask.answered' : 'ask.refused');
        await channel.send(encodeAnswer(answer));
        await channel.close(signal);
      });
    } catch (error) {
      counters.add('ask.broken');
      log.debug({ peer, error: messageOf(error) }, 'a question could not be answered');
      channel.abort(error instanceof Error ? error : new Error(String(error)));
    }
    if (refusal === undefined) this.#answering.delete(peer);
  }

  #refusal(peer: PeerKey): Refusal | undefined {
    const { isMember } = this.#options;
    if (!isMember(peer)) return refused('only members of the home are answered');
    if (this.#answering.has(peer))
      return refused('it answers one question at a time', 'ask again in a moment');
    if (this.#pace(peer)?.allows(1) !== true)
      return refused('it was asked too often', 'ask again in a minute');
    return undefined;
  }

  async #answer(channel: StreamChannel, peer: PeerKey): Promise<Answer> {
    const bytes = await channel.receive();
    if (bytes === undefined) throw new Error('asked nothing');
    const question = decodeQuestion(bytes);
    if (!question.ok)
      return { kind: 'refused', why: refused(`the question cannot be read: ${question.why}`) };
    const answer = await this.#options.answer?.(question.value, peer);
    if (answer === undefined) return { kind: 'refused', why: refused('it answers no questions') };
    if (answer.kind === 'refused' || Buffer.byteLength(answer.json) <= MAX_ANSWER_BYTES) return answer;
    return {
      kind: 'refused',
      why: refused('the answer would be larger than 1 MiB', 'ask for less, for example with --top 100'),
    };
  }

  #pace(peer: PeerKey): Pace | undefined {
    let pace = this.#paces.get(peer);
    if (pace === undefined && this.#paces.size < MAX_PEERS) {
      pace = new Pace(this.#options.clock, BURST, PER_SECOND);
      this.#paces.set(peer, pace);
    }
    return pace;
  }
}

function refused(message: string, hint?: string): Refusal {
  return { name: 'TemporaryError', message, hint, exitCode: 75 };
}
