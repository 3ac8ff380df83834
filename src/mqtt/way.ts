import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Asked } from './asked.ts';
import { Hearing } from './hearing.ts';
import type { MqttLink } from './link.ts';
import type { Publication } from './publication.ts';
import { Retained } from './retained.ts';
import type { RouterName } from './router-name.ts';
import { Speaker } from './speaker.ts';

export interface WayOptions {
  readonly link: MqttLink;
  /** The broker is our own: no other router is on it. */
  readonly alone: boolean;
  readonly name: RouterName;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Between two slices of what is retained others have their turn, milliseconds. */
const REST_MS = 5;

/** What the bridge does on one broker. */
export class Way {
  readonly link: MqttLink;
  readonly #alone: boolean;
  readonly #name: RouterName;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #speaker: Speaker;
  readonly #hearing: Hearing;
  readonly #retained = new Map<Publication, Retained>();
  readonly #end: () => void;
  /** What is ours here, and under which name we listen, as of the last look. */
  #ours: ReadonlySet<Publication> = new Set();
  #base = '';
  #left = 0;

  constructor(options: WayOptions) {
    this.link = options.link;
    this.#alone = options.alone;
    this.#name = options.name;
    this.#clock = options.clock;
    this.#signal = options.signal;
    this.#speaker = new Speaker(options);
    this.#hearing = new Hearing(options);
    this.#speaker.start();
    this.#end = this.link.onConnected(() => {
      for (const retained of this.#retained.values()) retained.connected();
    });
  }

  /** Messages that were dropped, ours and others'. */
  get dropped(): number {
    let sum = this.#left + this.#hearing.dropped;
    for (const retained of this.#retained.values()) sum += retained.dropped;
    return sum;
  }

  get speaks(): boolean {
    return this.#speaker.speaks;
  }

  /** Whether a publication is said here by us: it was when we last looked, under the same name, and is still. */
  says(publication: Publication): boolean {
    return this.#ours.has(publication) && this.#base === this.#name.base && this.#isOurs(publication);
  }

  /** Listens to what is ours here, and lets go of what is not. To be called before each turn. */
  look(publications: readonly Publication[]): void {
    this.#base = this.#name.base;
    this.#ours = new Set(publications.filter((publication) => this.#isOurs(publication)));
    for (const publication of publications) {
      if (this.#ours.has(publication)) this.#of(publication).listen(publication.owns, this.#alone);
      // While the connection is gone it is not known whose it is.
      else if (this.#speaker.settled) this.#retained.get(publication)?.release();
    }
    const heard = publications.flatMap(({ hears }) => hears);
    const { settled, speaks } = this.#speaker;
    if (settled) this.#hearing.listen(heard.filter(({ scope }) => scope === 'router' || speaks));
  }

  /** Says what these have to say: first what is retained, then, of those of which all of that is said, what is said once. */
  async say(all: readonly Asked[]): Promise<void> {
    const told: Asked[] = [];
    for (const asked of all) {
      const { publication, retained } = asked;
      if (!this.says(publication)) continue;
      if (retained === undefined || (await this.#bring(publication, retained))) told.push(asked);
    }
    this.#speaker.beat();
    for (const asked of all) {
      if (!this.says(asked.publication)) continue;
      if (told.includes(asked)) {
        for (const message of asked.messages) if (!this.link.publish(message)) this.#left += 1;
      } else this.#left += asked.messages.length;
    }
  }

  stop(): void {
    this.#end();
    this.#hearing.listen([]);
    this.#speaker.stop();
    for (const retained of this.#retained.values()) retained.release();
  }

  /** True when all of it is there. */
  async #bring(publication: Publication, desired: ReadonlyMap<string, string>): Promise<boolean> {
    const slices = this.#of(publication).slices(desired);
    for (;;) {
      const { done, value } = slices.next();
      if (done) return value;
      await this.#clock.sleep(REST_MS, this.#signal);
      if (!this.says(publication)) return false;
    }
  }

  #isOurs({ scope }: Publication): boolean {
    return scope === 'router' ? this.#speaker.settled : this.#speaker.speaks;
  }

  #of(publication: Publication): Retained {
    const retained =
      this.#retained.get(publication) ??
      new Retained(this.link, (topic) => publication.isOwn?.(topic) ?? true);
    this.#retained.set(publication, retained);
    return retained;
  }
}
