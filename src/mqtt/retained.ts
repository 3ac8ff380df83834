import type { MqttLink } from './link.ts';

/** More topics than this are not followed under one publication's filters: what is beyond stays as it is, counted. */
const MAX_TOPICS = 20_000;
/** So many messages at most in one step, so that nothing else is held up; the rest follows at the next. */
const MAX_STEP = 1_000;
/** So many of them at a time. */
const SLICE = 25;

/**
 * What one publication keeps retained on one broker, brought to what it should be: desired − actual, as blocks are brought into
 * a kernel. It listens to its own topics: what lay there before and is not wanted is cleared, and what somebody else changed
 * is put right. What could not be said stays a difference and is tried at the next step: there is no queue.
 */
export class Retained {
  readonly #link: Pick<MqttLink, 'publish' | 'subscribe'>;
  /** Topics that are there: with what we said, or with undefined for something else, or something from before. */
  readonly #held = new Map<string, string | undefined>();
  #desired: ReadonlyMap<string, string> | undefined;
  #owns: readonly string[] = [];
  readonly #isOwn: (topic: string) => boolean;
  #unsubscribe: (() => void)[] = [];
  #settled = false;
  /** Topics of others under our filters for which there was no room. */
  dropped = 0;

  /** @param isOwn which topics under the filters are ours, where strangers publish beside us */
  constructor(link: Pick<MqttLink, 'publish' | 'subscribe'>, isOwn: (topic: string) => boolean = () => true) {
    this.#link = link;
    this.#isOwn = isOwn;
  }

  /**
   * Begins to listen under these filters, or goes on where they are the same.
   * @param clearing what was said under others is cleared: nobody else could have taken it over
   */
  listen(owns: readonly string[], clearing = false): void {
    if (this.#owns.join() === owns.join()) return;
    if (clearing) this.step(new Map());
    this.release();
    this.#owns = owns;
    this.#unsubscribe = owns.map((filter) =>
      this.#link.subscribe(filter, ({ topic, payload }) => this.#heard(topic, payload)),
    );
  }

  /** The topics are no longer ours: nothing is cleared, whoever they belong to now says what is wanted. */
  release(): void {
    for (const end of this.#unsubscribe) end();
    this.#unsubscribe = [];
    this.#owns = [];
    this.#held.clear();
    this.#desired = undefined;
    this.#settled = false;
  }

  /** A new connection: the broker may have forgotten everything, so everything is said anew. */
  connected(): void {
    for (const topic of this.#held.keys()) this.#held.set(topic, undefined);
    this.#settled = false;
  }

  /** Publishes what differs from `desired`, clearing first; an empty payload is none. True when nothing differs any more. */
  step(desired: ReadonlyMap<string, string>): boolean {
    const slices = this.slices(desired);
    for (;;) {
      const { done, value } = slices.next();
      if (done) return value;
    }
  }

  /**
   * The same in slices, between which the caller lets others have their turn: with a hundred subscribers each message is a
   * hundred writes.
   */
  *slices(desired: ReadonlyMap<string, string>): Generator<undefined, boolean> {
    if (this.#settled && this.#desired === desired) return true;
    this.#desired = desired;
    this.#settled = true;
    let said = 0;
    const differing = this.#differing(desired);
    for (const [topic, payload] of differing) {
      if (said > 0 && said % SLICE === 0) {
        yield;
        // Somebody else speaks there by now, or we begin anew.
        if (this.#desired !== desired) return false;
        if (!this.#differs(topic, payload)) continue;
      }
      if (said++ === MAX_STEP) return this.#unfinished();
      if (!(payload === '' ? this.#clear(topic) : this.#say(topic, payload))) return this.#unfinished();
    }
    return this.#settled;
  }

  /** Messages that would bring the broker to what is desired; what is cleared comes first. */
  *#differing(desired: ReadonlyMap<string, string>): Generator<[topic: string, payload: string]> {
    for (const topic of [...this.#held.keys()]) {
      if (this.#held.has(topic) && (desired.get(topic) ?? '') === '') yield [topic, ''];
    }
    for (const [topic, payload] of desired) {
      if (payload !== '' && this.#held.get(topic) !== payload) yield [topic, payload];
    }
  }

  #differs(topic: string, payload: string): boolean {
    return payload === '' ? this.#held.has(topic) : this.#held.get(topic) !== payload;
  }

  #unfinished(): boolean {
    this.#settled = false;
    return false;
  }

  /** An echo of it may come back before `publish` returns: it is noted before. */
  #say(topic: string, payload: string): boolean {
    this.#held.set(topic, payload);
    const said = this.#link.publish({ topic, payload, retain: true });
    if (!said) this.#held.set(topic, undefined);
    return said;
  }

  #clear(topic: string): boolean {
    this.#held.delete(topic);
    const said = this.#link.publish({ topic, payload: '', retain: true });
    if (!said) this.#held.set(topic, undefined);
    return said;
  }

  /** Our own messages come back too; of these nothing follows unless another message came between. */
  #heard(topic: string, payload: string): void {
    if (!this.#isOwn(topic)) return;
    const known = this.#held.has(topic);
    if (payload === '') {
      if (!known) return;
      this.#held.delete(topic);
    } else {
      const wanted = this.#desired?.get(topic);
      if (known && this.#held.get(topic) === payload) return;
      if (!known && this.#held.size >= MAX_TOPICS) {
        this.dropped += 1;
        return;
      }
      this.#held.set(topic, wanted === payload ? wanted : undefined);
    }
    this.#settled = false;
  }
}
