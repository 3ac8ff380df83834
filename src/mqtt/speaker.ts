import type { Clock } from '../clock.ts';
import type { Arrived, MqttLink } from './link.ts';
import type { RouterName } from './router-name.ts';

/** What was heard of a router on a broker. */
export interface Heard {
  /** The id of the member; undefined as long as it has not said. */
  readonly member: string | undefined;
  readonly online: boolean;
  /** When it last said that it is online, or the broker had kept that it did; monotonic milliseconds. */
  readonly at: number;
}

/** Every router says so often that it is online: one whose will was lost with the broker is not waited for for ever. */
const BEAT_MS = 10_000;
const GONE_MS = 25_000;
/** After connecting, what the broker has kept comes at once: nothing for so long is the end of it; and at most so long. */
const QUIET_MS = 400;
const MAX_QUIET_MS = 3_000;
const MAX_ROUTERS = 256;
const MEMBER = /^[0-9A-Za-z]{8,128}$/;

/** Who speaks for the home: of those that are online the lowest member id. @param now monotonic milliseconds */
export function speaks(self: string, others: Iterable<Heard>, now: number): boolean {
  for (const other of others) {
    if (other.member !== undefined && other.member < self && isThere(other, now)) return false;
  }
  return true;
}

function isThere({ online, at }: Heard, now: number): boolean {
  return online && now - at < GONE_MS;
}

/** The member id in what a router says of itself; undefined when it says none that could be one. */
export function memberIn(info: string): string | undefined {
  if (info.length > 100_000) return undefined;
  try {
    const said: unknown = JSON.parse(info);
    if (typeof said !== 'object' || said === null || !('member' in said)) return undefined;
    return typeof said.member === 'string' && MEMBER.test(said.member) ? said.member : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Says on one broker that this router is online, hears which others are, and tells whether this one speaks for the home there.
 * On a broker of our own (`alone`) nobody else can be.
 */
export class Speaker {
  readonly #link: MqttLink;
  readonly #clock: Clock;
  readonly #name: RouterName;
  readonly #alone: boolean;
  readonly #heard = new Map<string, Heard>();
  #ends: (() => void)[] = [];
  /** Since when it is connected, and when the broker last told what it had kept; undefined before. */
  #connectedAt: number | undefined;
  #keptAt = 0;
  /** On this connection. */
  #settled = false;
  #saidAt: number | undefined;
  #saidAs: string | undefined;

  constructor(options: { link: MqttLink; clock: Clock; name: RouterName; alone: boolean }) {
    this.#link = options.link;
    this.#clock = options.clock;
    this.#name = options.name;
    this.#alone = options.alone;
  }

  start(): void {
    if (!this.#alone) {
      this.#ends = [
        this.#link.subscribe('hedgerow/+/info', (message) => this.#info(message)),
        this.#link.subscribe('hedgerow/+/state', (message) => this.#state(message)),
      ];
    }
    this.#ends.push(this.#link.onConnected(() => this.#connected()));
  }

  /** Says that this router goes offline, which no will does for who takes leave. */
  stop(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
    if (this.#saidAs !== undefined)
      this.#link.publish({ topic: this.#saidAs, payload: 'offline', retain: true });
    this.#saidAs = undefined;
    this.#connectedAt = undefined;
  }

  /** Whether it is connected and has heard who else is there; before, nothing should be said. */
  get settled(): boolean {
    if (!this.#link.connected || this.#connectedAt === undefined) return false;
    const now = this.#clock.monotonic();
    const quiet = now - Math.max(this.#connectedAt, this.#keptAt) >= QUIET_MS;
    // It stays so: what is late after all must not silence what was just gathered to be said.
    this.#settled ||= this.#alone || quiet || now - this.#connectedAt >= MAX_QUIET_MS;
    return this.#settled;
  }

  get speaks(): boolean {
    return this.settled && speaks(this.#name.member, this.#heard.values(), this.#clock.monotonic());
  }

  /** Says that we are online, when it is time to. To be called once a second, after our `info` is out. */
  beat(): void {
    if (!this.settled) return;
    const now = this.#clock.monotonic();
    const topic = `${this.#name.base}/state`;
    if (this.#saidAs !== topic && this.#alone && this.#saidAs !== undefined)
      this.#link.publish({ topic: this.#saidAs, payload: '', retain: true });
    if (this.#saidAs !== topic || this.#saidAt === undefined || now - this.#saidAt >= BEAT_MS) {
      // Before: it comes back, and must not be taken for news.
      this.#saidAs = topic;
      this.#saidAt = now;
      if (!this.#link.publish({ topic, payload: 'online', retain: true })) this.#saidAt = undefined;
    }
    if (this.speaks) this.#sayLost(now);
  }

  #connected(): void {
    this.#connectedAt = this.#clock.monotonic();
    this.#settled = false;
    this.#saidAt = undefined;
  }

  /** A router whose broker died before it did left no will: what is kept of it would say online for ever. */
  #sayLost(now: number): void {
    for (const [router, heard] of this.#heard) {
      if (!heard.online || isThere(heard, now)) continue;
      this.#heard.set(router, { ...heard, online: false });
      this.#link.publish({ topic: `hedgerow/${router}/state`, payload: 'offline', retain: true });
    }
  }

  #info({ topic, payload, retain }: Arrived): void {
    const router = this.#noted(topic, retain);
    const member = memberIn(payload);
    if (router === undefined) return;
    // Our own; or of an earlier life of ours, which is no other router.
    if (member === this.#name.member) this.#heard.delete(router);
    else if (router === this.#name.current && !retain) {
      // Somebody speaks under our name just now.
      this.#note(router, { member, online: true, at: this.#clock.monotonic() });
      this.#yield(router);
    } else {
      const { online = false, at = 0 } = this.#heard.get(router) ?? {};
      this.#note(router, { member, online, at });
      if (router === this.#name.current) this.#yield(router);
    }
  }

  #state({ topic, payload, retain }: Arrived): void {
    const router = this.#noted(topic, retain);
    if (router === undefined) return;
    const online = payload === 'online';
    if (this.#saidAs === topic) {
      // Our own word, or a will of another that had our name.
      if (!online) this.#saidAt = undefined;
      return;
    }
    const { member, at = 0 } = this.#heard.get(router) ?? {};
    this.#note(router, { member, online, at: online ? this.#clock.monotonic() : at });
    if (router === this.#name.current) this.#yield(router);
  }

  /** Two members of one name: of those that are online the lower keeps it, and says so by its `info`, which the other hears. */
  #yield(router: string): void {
    const { member, online } = this.#heard.get(router) ?? {};
    if (member !== undefined && online === true && member < this.#name.member) this.#name.taken();
  }

  #noted(topic: string, retain: boolean): string | undefined {
    if (retain) this.#keptAt = this.#clock.monotonic();
    return topic.split('/')[1];
  }

  #note(router: string, heard: Heard): void {
    if (!this.#heard.has(router) && this.#heard.size >= MAX_ROUTERS) return;
    this.#heard.set(router, heard);
  }
}
