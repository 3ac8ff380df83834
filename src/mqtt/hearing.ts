import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Arrived, Message, MqttLink } from './link.ts';

/** A topic on which others speak to a publication. */
export interface Hears {
  readonly filter: string;
  on(message: Arrived, signal: AbortSignal): Promise<readonly Message[]>;
}

/** So many messages at a time are being answered on one link; further ones are dropped. */
const MAX_AT_A_TIME = 64;
/** An answer that takes longer is given up, milliseconds. */
const DEADLINE_MS = 60_000;

/** What others say to this router on one broker, and our answers. */
export class Hearing {
  readonly #link: MqttLink;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #signal: AbortSignal;
  readonly #ends = new Map<string, () => void>();
  #open = 0;
  /** Messages that came while too many were being answered; and answers that the link did not take. */
  dropped = 0;

  constructor(options: { link: MqttLink; clock: Clock; log: Log; signal: AbortSignal }) {
    this.#link = options.link;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#signal = options.signal;
  }

  /** Listens to these and to nothing else. */
  listen(wanted: readonly Hears[]): void {
    const filters = new Set(wanted.map(({ filter }) => filter));
    for (const [filter, end] of this.#ends) {
      if (filters.has(filter)) continue;
      end();
      this.#ends.delete(filter);
    }
    for (const hears of wanted) {
      if (this.#ends.has(hears.filter)) continue;
      this.#ends.set(
        hears.filter,
        this.#link.subscribe(hears.filter, (message) => void this.#answer(hears, message)),
      );
    }
  }

  async #answer(hears: Hears, message: Arrived): Promise<void> {
    if (this.#signal.aborted) return;
    if (this.#open >= MAX_AT_A_TIME) {
      this.dropped += 1;
      return;
    }
    this.#open += 1;
    const late = new AbortController();
    const timer = this.#clock.after(DEADLINE_MS, () => late.abort(new Error('it took too long')));
    try {
      const answers = await hears.on(message, AbortSignal.any([this.#signal, late.signal]));
      for (const answer of answers) if (!this.#link.publish(answer)) this.dropped += 1;
    } catch (error) {
      this.#log.warn({ broker: this.#link.name, error: messageOf(error) }, 'a message could not be answered');
    } finally {
      timer.clear();
      this.#open -= 1;
    }
  }
}
