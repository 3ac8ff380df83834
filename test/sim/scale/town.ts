import type { PeerKey } from '../../../src/policy/crypto.ts';
import { Random } from '../random.ts';
import { SimAgent } from './agent.ts';
import type { AgentSettings, Finding } from './agent-options.ts';
import { Air } from './air.ts';
import { type FoundedHome, found } from './founding.ts';
import { Timeline } from './timeline.ts';

export interface TownOptions {
  readonly agents: number;
  readonly seed: number;
  readonly loss: number;
  readonly settings?: Partial<AgentSettings>;
  /** Told of every agent that is made, with the number of those that are. */
  readonly onAgent?: (made: number) => void;
}

/** As src/config-schema.ts has them. */
const FULL_MESH = 12;
const TARGET = 8;

/** What one agent found out of another, and when, milliseconds of virtual time. */
export interface Found {
  readonly what: Finding;
  readonly by: number;
  readonly about: number;
  readonly at: number;
}

/** So many agents that are one home, in virtual time. */
export class Town {
  readonly timeline = new Timeline();
  readonly air: Air;
  readonly random: Random;
  readonly agents: SimAgent[] = [];
  /** Everything that was found out since the list was last emptied. */
  found: Found[] = [];
  /** When an op was admitted where: by op, as many times as there are agents that hold it. */
  readonly arrivals = new Map<string, number[]>();
  readonly #numbers: ReadonlyMap<PeerKey, number>;
  readonly #home: FoundedHome;

  constructor(options: TownOptions) {
    const { agents, seed, loss } = options;
    const { timeline } = this;
    this.random = new Random(seed);
    this.air = new Air({ timeline, random: this.random, loss });
    this.#home = found(agents, seed);
    this.#numbers = new Map(this.#home.keys.map(({ peer }, n) => [peer, n]));
    const settings: AgentSettings = {
      fullMesh: FULL_MESH,
      target: TARGET,
      lookMs: 1_000,
      witnesses: true,
      secondLook: true,
      ...options.settings,
    };
    for (let n = 0; n < agents; n++) {
      this.#add(n, settings);
      options.onAgent?.(n + 1);
    }
  }

  /** Lets all start within a second, and time pass. */
  async start(ms: number): Promise<void> {
    for (const agent of this.agents) this.timeline.after(this.random.next() * 1_000, () => agent.start());
    await this.timeline.run(ms);
  }

  /** Nothing passes between this one and the others, and nobody is told. */
  isolate(n: number): void {
    for (let other = 0; other < this.agents.length; other++) {
      this.air.cut(n, other);
      this.air.cut(other, n);
    }
  }

  rejoin(n: number): void {
    for (let other = 0; other < this.agents.length; other++) {
      this.air.heal(n, other);
      this.air.heal(other, n);
    }
  }

  /** Agents that have a link with this one. */
  linked(n: number): SimAgent[] {
    const peer = this.agents[n]?.peer;
    return this.agents.filter((agent) => peer !== undefined && agent.wires.has(peer));
  }

  #add(n: number, settings: AgentSettings): void {
    const { keys } = this.#home;
    const key = keys[n];
    if (key === undefined) throw new RangeError(`no key ${n}`);
    const agent: SimAgent = new SimAgent({
      n,
      key,
      replica: this.#home.replica((op) => {
        const times = this.arrivals.get(op.id) ?? [];
        this.arrivals.set(op.id, times);
        times.push(this.timeline.monotonic());
        agent.admitted(op);
      }),
      others: keys.filter((other) => other !== key).map(({ peer }) => peer),
      air: this.air,
      random: this.random,
      settings,
      sideOf: (peer) => this.agents[this.#numbers.get(peer) ?? -1],
      peerOf: (other) => keys[other]?.peer ?? '',
      found: (what, about) => {
        this.found.push({
          what,
          by: n,
          about: this.#numbers.get(about) ?? -1,
          at: this.timeline.monotonic(),
        });
      },
    });
    this.agents.push(agent);
  }
}
