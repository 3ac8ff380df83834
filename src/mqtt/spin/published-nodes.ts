import type { NumberedNode } from '../../control/views/numbers.ts';
import type { Message } from '../link.ts';
import type { SpinHome } from './home.ts';
import type { Flags } from './lists.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.ts';

/** Nodes that are published at a time; of remotes those that were spoken of longest ago make room. */
const MAX_NODES = 4_096;
/** Nodes that are published for the first time in one turn, fewer than the bridge says at once: flows come after them. */
const MAX_NEW = 500;
/** And so many once there is room only in place of others. */
const MAX_REPLACED = 20;
/** Nodes that are looked at again in one turn, all of them by and by. */
const ROUND = 250;
/** That a node was seen again is worth no message for so long, seconds. */
const LASTSEEN_S = 30;

interface Published {
  readonly node: NumberedNode;
  readonly info: NodeInfo;
  readonly payload: string;
}

/** The nodes that SPIN's clients have been told of, and what becomes of them. */
export class PublishedNodes {
  readonly #home: SpinHome;
  readonly #now: () => number;
  /** By number; the one that was spoken of longest ago first. */
  readonly #published = new Map<number, Published>();
  readonly #numbers = new Map<string, number>();
  /** The numbers that are still to be looked at in this round. */
  #round: number[] = [];
  #retained: ReadonlyMap<string, string> | undefined;
  /** Payloads that were new or changed. */
  changes = 0;
  /** Nodes that were left out because there was no room in a turn, and those that made room. */
  dropped = 0;

  /** @param now wall time, Unix milliseconds */
  constructor(home: SpinHome, now: () => number) {
    this.#home = home;
    this.#now = now;
  }

  get size(): number {
    return this.#published.size;
  }

  /** What should be retained, if that has changed since the last call. */
  takeRetained(): ReadonlyMap<string, string> | undefined {
    if (this.#retained !== undefined) return undefined;
    this.#retained = new Map(
      Array.from(this.#published, ([number, { payload }]) => [`SPIN/traffic/node/${number}`, payload]),
    );
    return this.#retained;
  }

  /** The node with this id; undefined when clients have not been told of it. */
  get(id: string): NumberedNode | undefined {
    return this.#published.get(this.#numbers.get(id) ?? 0)?.node;
  }

  /**
   * Looks at those of the nodes that are spoken of now which nobody was told of, at those to which something happened, and at
   * some of the others, or at all. Answers what became of those that are gone, for SPIN/traffic/admin.
   */
  async look(
    { spokenOf, changed }: { readonly spokenOf: Iterable<string>; readonly changed: Iterable<string> },
    flags: Flags,
    all: boolean,
  ): Promise<Message[]> {
    const fresh = new Set<string>();
    const most = this.#published.size < MAX_NODES ? MAX_NEW : MAX_REPLACED;
    for (const id of spokenOf) {
      const number = this.#numbers.get(id);
      if (number !== undefined) this.#touch(number);
      else if (fresh.size < most) fresh.add(id);
      else this.dropped += 1;
    }
    const known = new Set(all ? this.#published.keys() : this.#nextOfRound());
    for (const id of changed) {
      const number = this.#numbers.get(id);
      if (number === undefined) continue;
      known.add(number);
      // By its own id too: it may be no longer what it is known as.
      fresh.add(id);
    }
    const ids = [...known].flatMap((number) => this.#published.get(number)?.node.id ?? []);
    const nodes = await this.#home.nodes([...fresh, ...ids]);
    const byId = new Map(nodes.flatMap((node) => node.ids.map((id) => [id, node] as const)));
    const messages: Message[] = [];
    for (const number of known) messages.push(...(await this.#follow(number, byId)));
    for (const node of nodes) this.#publish(node, flags);
    return [...messages, ...this.#makeRoom()];
  }

  #touch(number: number): void {
    const published = this.#published.get(number);
    if (published === undefined) return;
    this.#published.delete(number);
    this.#published.set(number, published);
  }

  #nextOfRound(): number[] {
    if (this.#round.length === 0) this.#round = [...this.#published.keys()];
    return this.#round.splice(0, ROUND);
  }

  /** What became of a node: of several that are one the least number goes on. */
  async #follow(number: number, byId: ReadonlyMap<string, NumberedNode>): Promise<Message[]> {
    const node = byId.get(this.#published.get(number)?.node.id ?? '');
    if (node?.alias === number) return [];
    if (node !== undefined && node.alias < number) {
      this.#forget(number);
      return [admin('nodeMerged', { id: number, 'merged-to': node.alias })];
    }
    // A greater number: it was taken apart, and the number may belong to the other half.
    const half = await this.#home.node(number);
    const published = this.#published.get(number);
    if (half?.alias === number && published !== undefined) {
      this.#published.set(number, { ...published, node: half });
      return [];
    }
    this.#forget(number);
    return half === undefined
      ? [admin('nodeDeleted', { id: number })]
      : [admin('nodeMerged', { id: number, 'merged-to': half.alias })];
  }

  #publish(node: NumberedNode, flags: Flags): void {
    const { alias } = node;
    const before = this.#published.get(alias);
    const info = nodeInfoOf(node, flags, this.#now());
    for (const id of before?.node.ids ?? []) if (this.#numbers.get(id) === alias) this.#numbers.delete(id);
    for (const id of node.ids) this.#numbers.set(id, alias);
    if (before !== undefined && isSame(before.info, info)) {
      this.#published.set(alias, { ...before, node });
      return;
    }
    const payload = JSON.stringify({ command: 'nodeInfo', result: info });
    this.#published.set(alias, { node, info, payload });
    this.#retained = undefined;
    this.changes += 1;
  }

  #makeRoom(): Message[] {
    const messages: Message[] = [];
    for (const [number, { node }] of this.#published) {
      if (this.#published.size <= MAX_NODES) break;
      if (node.device) continue;
      this.#forget(number);
      this.dropped += 1;
      messages.push(admin('nodeDeleted', { id: number }));
    }
    return messages;
  }

  #forget(number: number): void {
    for (const id of this.#published.get(number)?.node.ids ?? [])
      if (this.#numbers.get(id) === number) this.#numbers.delete(id);
    this.#published.delete(number);
    this.#retained = undefined;
  }
}

/** Nothing differs, or only when it was last seen, by little. */
function isSame(before: NodeInfo, now: NodeInfo): boolean {
  if (Math.abs(now.lastseen - before.lastseen) >= LASTSEEN_S) return false;
  return JSON.stringify({ ...before, lastseen: 0 }) === JSON.stringify({ ...now, lastseen: 0 });
}

function admin(command: 'nodeMerged' | 'nodeDeleted', result: object): Message {
  return { topic: 'SPIN/traffic/admin', payload: JSON.stringify({ command, result }) };
}
