import { isWanted, LinkChoice, type LinkFacts } from '../../src/p2p/links/link-choice.ts';
import type { PeerState } from '../../src/p2p/peer-view.ts';
import type { PeerKey } from '../../src/policy/crypto.ts';

/** A stream of numbers 0 ≤ x < 1 from a seed (mulberry32). */
export function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Agent {
  readonly peer: PeerKey;
  readonly choice: LinkChoice;
  /** With whom, and since when. */
  readonly links: Map<PeerKey, number>;
}

export interface LinkWorldOptions {
  readonly agents: number;
  readonly fullMesh: number;
  readonly target: number;
  readonly random: () => number;
  /** What two agents say to each other in a second, bytes. */
  readonly bytes: (a: number, b: number) => number;
}

/** Many agents that choose their links with the real choice. A dial takes no time; who closes tells the other. */
export class LinkWorld {
  readonly agents: Agent[];
  readonly #options: LinkWorldOptions;
  readonly #down = new Set<number>();
  now = 0;
  opened = 0;
  closed = 0;

  constructor(options: LinkWorldOptions) {
    this.#options = options;
    const { agents, fullMesh, target, random } = options;
    this.agents = Array.from({ length: agents }, (_, i) => ({
      peer: i.toString(16).padStart(64, '0'),
      choice: new LinkChoice({ fullMesh, target, random }),
      links: new Map(),
    }));
  }

  kill(i: number): void {
    this.#down.add(i);
    for (const peer of this.agents[i]?.links.keys() ?? [])
      this.#of(peer)?.links.delete(this.agents[i]?.peer ?? '');
    this.agents[i]?.links.clear();
  }

  revive(i: number): void {
    this.#down.delete(i);
  }

  /** Everybody looks, one after the other, and what it wants is done. */
  look(everyMs: number): void {
    this.now += everyMs;
    for (const [i, agent] of this.agents.entries()) {
      if (this.#down.has(i)) continue;
      const { reasons, close } = agent.choice.look(this.now, this.#facts(i, everyMs));
      for (const peer of close) {
        this.closed += 1;
        agent.links.delete(peer);
        const other = this.#of(peer);
        other?.links.delete(agent.peer);
        other?.choice.parted(agent.peer, this.now);
      }
      for (const [peer, reason] of reasons) {
        const j = Number.parseInt(peer, 16);
        if (!isWanted(reason) || agent.links.has(peer) || this.#down.has(j)) continue;
        this.opened += 1;
        agent.links.set(peer, this.now);
        this.#of(peer)?.links.set(agent.peer, this.now);
      }
    }
  }

  get alive(): Agent[] {
    return this.agents.filter((_, i) => !this.#down.has(i));
  }

  degrees(): number[] {
    return this.alive.map((agent) => agent.links.size);
  }

  /** True when everybody who is up reaches everybody who is. */
  isConnected(): boolean {
    const [first] = this.alive;
    const reached = new Set(first === undefined ? [] : [first.peer]);
    for (const peer of reached) for (const next of this.#of(peer)?.links.keys() ?? []) reached.add(next);
    return reached.size === this.alive.length;
  }

  #facts(i: number, everyMs: number): LinkFacts[] {
    const { bytes } = this.#options;
    const links = this.agents[i]?.links ?? new Map<PeerKey, number>();
    return this.agents.flatMap(({ peer }, j): LinkFacts[] => {
      if (i === j) return [];
      const since = links.get(peer);
      const connected = since !== undefined;
      const state: PeerState = connected ? 'alive' : this.#down.has(j) ? 'down' : 'suspect';
      const ageMs = since === undefined ? undefined : this.now - since;
      const said = connected ? (bytes(i, j) * everyMs) / 1_000 : 0;
      return [{ peer, connected, ageMs, bytes: said, soleFor: 0, state, absent: false }];
    });
  }

  #of(peer: PeerKey): Agent | undefined {
    return this.agents[Number.parseInt(peer, 16)];
  }
}
