import type { Clock, Timer } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Method } from './offer.ts';
import { failureOf } from './rpc.ts';
import { WATCHABLE } from './watchable.ts';

/** Whoever subscribes: it is told nothing while it has not read what it was told before. */
export interface Subscriber {
  readonly busy: boolean;
  tell(text: string): void;
  /** Ends it, and tells it why if it reads. */
  dismiss(why: string): void;
}

export interface SubscriptionsOptions {
  readonly methods: ReadonlyMap<string, Method>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Request {
  readonly view: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** It is looked at so often at most, milliseconds. */
  readonly everyMs: number;
}

const MAX_OF_ONE = 16;
const MAX_IN_ALL = 256;
/** Whoever follows keeps its place at the control socket: they are to leave places for those who only ask. */
const MAX_SUBSCRIBERS = 192;
/** A view that takes long to answer is asked less often, so that it takes up a tenth of the time at most. */
const REST = 10;

interface Subscription {
  readonly number: number;
  readonly subscriber: Subscriber;
  readonly everyMs: number;
  /** Monotonic milliseconds. */
  dueAt: number;
  told: string | undefined;
}

/**
 * Tells subscribers how a view looks whenever it looks different from what they were last told: states, not events, so what
 * nobody had time for is never told. One look serves all who look at the same.
 */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #looks = new Map<string, Look>();
  readonly #of = new Map<Subscriber, Map<number, Look>>();
  #last = 0;
  #size = 0;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** The subscription's number. UsageError when the view cannot be subscribed to or there are too many; ZodError by params. */
  subscribe(subscriber: Subscriber, { view, params, everyMs }: Request): number {
    const method = WATCHABLE.has(view) ? this.#options.methods.get(view) : undefined;
    if (method === undefined) {
      throw new UsageError(`${JSON.stringify(view.slice(0, 64))} cannot be subscribed to`, {
        hint: `these can: ${[...WATCHABLE].join(', ')}`,
      });
    }
    method.params.parse(params);
    const own = this.#of.get(subscriber) ?? new Map<number, Look>();
    if (own.size >= MAX_OF_ONE) throw new UsageError(`a connection has ${MAX_OF_ONE} subscriptions at most`);
    if (!this.#hasRoom(subscriber)) throw new UsageError('there are too many subscriptions');
    const key = `${view} ${JSON.stringify(params)}`;
    const look = this.#looks.get(key) ?? new Look(method, params, this.#options);
    this.#looks.set(key, look);
    this.#last += 1;
    this.#size += 1;
    const dueAt = this.#options.clock.monotonic();
    look.add({ number: this.#last, subscriber, everyMs, dueAt, told: undefined });
    look.onEmpty = () => void this.#looks.delete(key);
    this.#of.set(subscriber, own.set(this.#last, look));
    return this.#last;
  }

  /** If need be that of somebody who does not read what it is told. */
  #hasRoom(subscriber: Subscriber): boolean {
    const isFull = () =>
      this.#size >= MAX_IN_ALL || (this.#of.size >= MAX_SUBSCRIBERS && !this.#of.has(subscriber));
    if (!isFull()) return true;
    const stuck = [...this.#of.keys()].find((one) => one.busy && one !== subscriber);
    stuck?.dismiss('there are too many subscriptions, and what this one is told is not read');
    return !isFull();
  }

  /** False when it has none of that number. */
  unsubscribe(subscriber: Subscriber, number: number): boolean {
    const own = this.#of.get(subscriber);
    const look = own?.get(number);
    if (own === undefined || look === undefined) return false;
    own.delete(number);
    if (own.size === 0) this.#of.delete(subscriber);
    this.#size -= 1;
    look.remove(number);
    return true;
  }

  /** It has gone. */
  forget(subscriber: Subscriber): void {
    for (const number of [...(this.#of.get(subscriber)?.keys() ?? [])]) this.unsubscribe(subscriber, number);
  }
}

/** One view with one set of parameters, and all who look at it. */
class Look {
  onEmpty: () => void = () => undefined;
  readonly #method: Method;
  readonly #params: unknown;
  readonly #options: SubscriptionsOptions;
  readonly #subscriptions = new Map<number, Subscription>();
  #timer: Timer | undefined;
  #looking = false;
  #restUntil = 0;

  constructor(method: Method, params: unknown, options: SubscriptionsOptions) {
    this.#method = method;
    this.#params = params;
    this.#options = options;
  }

  add(subscription: Subscription): void {
    this.#subscriptions.set(subscription.number, subscription);
    this.#plan();
  }

  remove(number: number): void {
    this.#subscriptions.delete(number);
    if (this.#subscriptions.size > 0) return;
    this.#timer?.clear();
    this.onEmpty();
  }

  #plan(): void {
    if (this.#looking || this.#subscriptions.size === 0) return;
    const { clock } = this.#options;
    const soonest = Math.min(...[...this.#subscriptions.values()].map(({ dueAt }) => dueAt));
    this.#timer?.clear();
    const at = Math.max(soonest, this.#restUntil);
    this.#timer = clock.after(Math.max(0, Math.ceil(at - clock.monotonic())), () => void this.#look());
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options;
    const begin = clock.monotonic();
    const due = [...this.#subscriptions.values()].filter(({ dueAt }) => dueAt <= begin);
    for (const subscription of due) subscription.dueAt = begin + subscription.everyMs;
    const ready = due.filter(({ subscriber }) => !subscriber.busy);
    if (ready.length > 0) {
      this.#looking = true;
      const answer = await this.#method.run(this.#params).then(
        (result) => `"result":${JSON.stringify(result) ?? 'null'}`,
        (error: unknown) => `"error":${JSON.stringify(failureOf(error, log))}`,
      );
      this.#looking = false;
      this.#restUntil = begin + (clock.monotonic() - begin) * REST;
      for (const subscription of ready) this.#tell(subscription, answer);
    }
    this.#plan();
  }

  #tell(subscription: Subscription, answer: string): void {
    const { number, subscriber, told } = subscription;
    if (told === answer || !this.#subscriptions.has(number)) return;
    subscription.told = answer;
    subscriber.tell(`{"jsonrpc":"2.0","method":"changed","params":{"subscription":${number},${answer}}}`);
  }
}
