import type { Clock } from '../../clock.ts';
import { Bucket } from '../../control/bucket.ts';
import type { Connection } from '../../control/listeners.ts';
import { FrameScanner, PACKET } from './frames.ts';
import type { BrokerLimits } from './limits.ts';
import type { Rights } from './rights.ts';

/** What is known of one client besides what the broker itself knows: what it may, what it has used up, how slow it is. */
export class Session {
  readonly connection: Connection;
  readonly scanner: FrameScanner;
  /** What it may do here without the password. */
  readonly entrance: Rights;
  /** What it may do; `none` until it has logged in. */
  rights: Rights = 'none';
  /** What it calls itself, with how it came in before it; empty when it does not say. */
  clientId = '';
  /** It has logged in. */
  isIn = false;
  /** The password with which it came in, as PasswordFile tells versions; undefined: with none. */
  password: string | undefined;
  readonly filters = new Set<string>();
  /** For how many seconds in a row too much has waited. */
  slowFor = 0;
  /** Since when it is in its state, monotonic milliseconds. */
  since: number;
  /** About how many messages wait. */
  #waiting = 0;
  readonly #limits: BrokerLimits;
  readonly #clock: Clock;

  constructor(connection: Connection, entrance: Rights, limits: BrokerLimits, clock: Clock) {
    this.connection = connection;
    connection.state = 'login';
    this.since = clock.monotonic();
    this.#clock = clock;
    this.entrance = entrance;
    this.#limits = limits;
    const publishes = bucket(clock, limits.publishes);
    const asks = bucket(clock, limits.asks);
    this.scanner = new FrameScanner(limits, (type) => {
      const taken =
        type === PACKET.publish
          ? publishes.take()
          : type === PACKET.subscribe || type === PACKET.unsubscribe || type === PACKET.pingreq
            ? asks.take()
            : 0;
      return taken === 0 ? undefined : 'too fast';
    });
  }

  get state(): string {
    return this.connection.state;
  }

  /** It has logged in. */
  enter(): void {
    this.isIn = true;
    this.#show();
  }

  /** Whether another subscription has room. */
  subscribe(filter: string): boolean {
    if (!this.filters.has(filter) && this.filters.size >= this.#limits.subscriptions) return false;
    this.filters.add(filter);
    this.#show();
    return true;
  }

  unsubscribe(filter: string): void {
    this.filters.delete(filter);
    this.#show();
  }

  /** Before a message is written to it: whether far too much waits already. */
  isStuck(out: { readonly writableLength: number; readonly writableNeedDrain: boolean }): boolean {
    this.#waiting = out.writableNeedDrain ? this.#waiting + 1 : 0;
    return (
      this.#waiting > this.#limits.mostQueuedMessages || out.writableLength > this.#limits.mostQueuedBytes
    );
  }

  /** Once a second: whether too much has waited for too long. */
  isSlow(out: { readonly writableLength: number }): boolean {
    this.slowFor = out.writableLength > this.#limits.queuedBytes ? this.slowFor + 1 : 0;
    this.#show();
    return this.slowFor >= this.#limits.slowSeconds;
  }

  #show(): void {
    if (!this.isIn) return;
    const state = this.slowFor > 0 ? 'slow' : this.filters.size > 0 ? 'following' : 'idle';
    if (state === this.state) return;
    this.connection.state = state;
    this.since = this.#clock.monotonic();
  }
}

function bucket(clock: Clock, { perSecond, burst }: { perSecond: number; burst: number }): Bucket {
  return new Bucket(clock, { perHour: perSecond * 3_600, burst });
}
