import type { Clock } from '../clock.ts';
import type { Recent } from '../control/recent.ts';
import type { Message } from './link.ts';
import type { Publication } from './publication.ts';

/** A publication that has not answered by then is not waited for, milliseconds. */
const DEADLINE_MS = 5_000;

/** A publication with what it said last: the whole of what should be retained, and what is to be said once. */
export class Asked {
  readonly publication: Publication;
  readonly #clock: Clock;
  #retained: ReadonlyMap<string, string> | undefined;
  #messages: readonly Message[] = [];
  #pending = false;

  constructor(publication: Publication, clock: Clock) {
    this.publication = publication;
    this.#clock = clock;
  }

  /** Undefined as long as it has said nothing. */
  get retained(): ReadonlyMap<string, string> | undefined {
    return this.#retained;
  }

  /** What it had to say once in this turn. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Asks it for its turn; what it should keep retained stays as it was when it fails. Rejects when it failed or took too long. */
  async turn(recent: Recent, signal: AbortSignal): Promise<void> {
    this.#messages = [];
    // One that is still at an earlier turn is left at it.
    if (this.#pending) throw new Error(`${this.publication.name} has not finished its last turn`);
    this.#pending = true;
    const late = new AbortController();
    const timer = this.#clock.after(DEADLINE_MS, () =>
      late.abort(new Error(`${this.publication.name} took too long`)),
    );
    const any = AbortSignal.any([signal, late.signal]);
    const turn = this.publication.turn(recent, any).finally(() => {
      this.#pending = false;
    });
    try {
      const { retained, messages } = await orAborted(turn, any);
      this.#retained = retained ?? this.#retained;
      this.#messages = messages;
    } finally {
      timer.clear();
    }
  }
}

/** What the work answers, or a rejection when the signal aborts before. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(signal.reason);
    if (signal.aborted) ended();
    signal.addEventListener('abort', ended, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', ended));
  });
}
