/** How the routers see each other, looked at many times a second over kept control connections: who changed to what, and when. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ControlClient, openControl } from '../src/control/client.ts';
import { LabError } from './error.ts';
import type { House } from './house-api.ts';
import { until } from './wait.ts';

const EVERY_MS = 50;
const OPEN_MS = 1_000;
const ANSWER_MS = 2_000;
/** More than a bench of hours sees; what comes later is counted only. */
const MAX_KEPT = 100_000;

/** One router sees another one in a state that it was not in at the look before. */
export interface Sighting {
  /** Of performance.now(), milliseconds. */
  readonly at: number;
  readonly seer: string;
  readonly seen: string;
  readonly state: string;
}

export class Sightings {
  readonly #house: House;
  readonly #all: Sighting[] = [];
  readonly #states = new Map<string, Map<string, string>>();
  readonly #stop = new AbortController();
  readonly #loops: Promise<void>[];
  /** Sightings that were not kept because there were too many. */
  dropped = 0;

  /** Looks at the peers of each of these routers until {@link stop}; one that does not answer is asked again. */
  constructor(house: House, seers: readonly string[]) {
    this.#house = house;
    this.#loops = seers.map((seer) => this.#watch(seer));
  }

  /** How a router sees another one, as it was at the last look. */
  state(seer: string, seen: string): string | undefined {
    return this.#states.get(seer)?.get(seen);
  }

  /** What changed from this moment on, oldest first. */
  since(at: number): readonly Sighting[] {
    return this.#all.filter((one) => one.at >= at);
  }

  /**
   * Waits until one router sees another one in one of these states.
   * @returns milliseconds since `from`, to the look that told
   * @throws LabError when the time is over
   */
  async seen(
    from: number,
    [seer, seen]: readonly [seer: string, seen: string],
    states: readonly string[],
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<number> {
    const what = `${seer} to see ${seen} ${states.join(' or ')}`;
    const first = () =>
      this.since(from).find((one) => one.seer === seer && one.seen === seen && states.includes(one.state));
    return (await until(what, first, options)).at - from;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #watch(seer: string): Promise<void> {
    let client: ControlClient | undefined;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        client ??= await openControl(this.#house.controlSocket(seer), OPEN_MS);
        this.#note(seer, await this.#peers(client));
      } catch {
        // An agent that is stopped, killed or just starting: nobody sees anything there now.
        client?.close();
        client = undefined;
      }
      await sleep(EVERY_MS);
    }
    client?.close();
  }

  /** A stopped agent accepts, and answers nothing; so does a connection that is no more. */
  async #peers(client: ControlClient): Promise<readonly { router: string; state: string }[]> {
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, this.#stop.signal]);
    const late = sleep(ANSWER_MS, undefined, { signal }).then(() => {
      throw new LabError(`no answer within ${ANSWER_MS} ms`);
    });
    try {
      return await Promise.race([client.call<{ router: string; state: string }[]>('peers'), late]);
    } finally {
      answered.abort();
    }
  }

  #note(seer: string, peers: readonly { router: string; state: string }[]): void {
    const at = performance.now();
    const before = this.#states.get(seer) ?? new Map<string, string>();
    this.#states.set(seer, new Map(peers.map(({ router, state }) => [router, state])));
    for (const { router, state } of peers) {
      if (before.get(router) === state) continue;
      if (this.#all.length < MAX_KEPT) this.#all.push({ at, seer, seen: router, state });
      else this.dropped += 1;
    }
  }
}
