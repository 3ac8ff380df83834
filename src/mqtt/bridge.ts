import { type Clock, repeat } from '../clock.ts';
import type { RecentSource } from '../control/recent.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Service } from '../service.ts';
import { Asked } from './asked.ts';
import type { MqttLink } from './link.ts';
import type { Publication } from './publication.ts';
import type { RouterName } from './router-name.ts';
import { Way } from './way.ts';

export interface BridgeOptions {
  /** `alone`: the broker is our own, so that nobody else speaks for the home there. */
  readonly links: readonly { readonly link: MqttLink; readonly alone: boolean }[];
  readonly publications: readonly Publication[];
  readonly recent: RecentSource;
  readonly name: RouterName;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the bridge tells of itself. */
export interface BridgeHealth {
  /** The name under which this router stands on the brokers. */
  readonly router: string;
  readonly links: readonly {
    readonly name: string;
    readonly connected: boolean;
    /** Whether this router speaks for the home there. */
    readonly speaks: boolean;
    /** Messages that were dropped: the link was full, or too much came. */
    readonly dropped: number;
  }[];
  /** Turns of publications that failed or took too long. */
  readonly failures: number;
  /** Why one failed in the last turn. */
  readonly lastError: string | undefined;
}

const TURN_MS = 1_000;

/**
 * What the agent says and hears on brokers. Once a second it takes what happened, asks each publication for its turn, and
 * brings every broker to what should be retained there. It waits for no broker and keeps no queue.
 */
export class Bridge implements Service {
  readonly name = 'mqtt bridge';
  readonly #options: BridgeOptions;
  readonly #asked: readonly Asked[];
  #ways: readonly Way[] = [];
  #stop = new AbortController();
  #loop: Promise<void> | undefined;
  #failures = 0;
  #lastError: string | undefined;

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#asked = options.publications.map((publication) => new Asked(publication, options.clock));
  }

  async start(signal: AbortSignal): Promise<void> {
    const { links, name, clock, log } = this.#options;
    this.#stop = new AbortController();
    const running = AbortSignal.any([signal, this.#stop.signal]);
    this.#ways = links.map((link) => new Way({ ...link, name, clock, log, signal: running }));
    this.#loop = repeat((inner) => this.#turn(inner), {
      clock,
      signal: running,
      everyMs: TURN_MS,
      jitter: 0,
      onFailure: (error) => this.#failed(error),
    });
  }

  /** Takes leave of every broker. To be called before the links are stopped. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the agent stops'));
    for (const way of this.#ways) way.stop();
    this.#ways = [];
    await this.#loop;
  }

  health(): BridgeHealth {
    return {
      router: this.#options.name.current,
      links: this.#ways.map(({ link, speaks, dropped }) => ({
        name: link.name,
        connected: link.connected,
        speaks,
        dropped,
      })),
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { publications, recent } = this.#options;
    for (const way of this.#ways) way.look(publications);
    const wanted = this.#asked.filter(({ publication }) => this.#ways.some((way) => way.says(publication)));
    // Where nobody listens nothing is gathered.
    if (wanted.length === 0) return;
    const news = recent.take();
    const turns = await Promise.allSettled(wanted.map((asked) => asked.turn(news, signal)));
    if (signal.aborted) return;
    const failed = turns.filter((turn) => turn.status === 'rejected');
    for (const { reason } of failed) this.#failed(reason);
    if (failed.length === 0) this.#lastError = undefined;
    await Promise.all(this.#ways.map((way) => way.say(wanted)));
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const text = messageOf(error);
    if (text !== this.#lastError) this.#options.log.warn({ error: text }, 'a publication has failed');
    this.#lastError = text;
  }
}
