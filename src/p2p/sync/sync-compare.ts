import type { PeerKey } from '../../policy/crypto.ts';
import type { ActorHeads, RegisterMark, ReplicatedOps, ReplicatedRegisters } from '../replicated.ts';
import { differing, flaggedChunks } from './sync-chunks.ts';
import { runDigests, sameRuns } from './sync-runs.ts';
import type { Sent, Talk } from './sync-talk.ts';

/** What the other side holds of the peers in which both differ. */
export interface Theirs {
  readonly heads: readonly ActorHeads[];
  readonly peers: readonly PeerKey[];
  /** Ops that we lack, by author: as far as their seq is beyond ours. Ops of a forked run below it are not counted. */
  readonly behind: ReadonlyMap<PeerKey, number>;
}

/** How two routers differ in what one author wrote or said. */
export interface Difference {
  readonly author: PeerKey;
  /** Ops of it that we lack, and those that the other side does. */
  readonly behind: number;
  readonly ahead: number;
  /** Who holds newer registers of it. */
  readonly registers: 'behind' | 'ahead' | undefined;
}

/** Authors in one message of digests: 70 bytes of each, and a frame has 256 KiB. A version that reads one message knows no more. */
const DIGESTS_PER_MESSAGE = 3_000;
/** Authors of the other side whose digests are kept, about 20 MB. */
const MAX_AUTHORS = 65_536;
const MAX_HEAD_MESSAGES = 1_024;
/** Actors and heads of the other side that are kept, about 50 MB: 36 routers that started daily for ten years. */
const MAX_HEADS = 262_144;

/**
 * Digests per peer; of peers with many runs digests of groups of runs, when both have many; then the heads of what
 * differs. Rejects when the other side does not keep to that.
 */
export async function compare(talk: Talk, replica: ReplicatedOps, narrows: boolean): Promise<Theirs> {
  // A copy: gossip goes on, and both sides must come to the same list.
  const mine = new Map(replica.peerDigests());
  const [digests] = await Promise.all([hearDigests(talk), sayDigests(talk, mine)]);
  const peers = differing(mine, digests);
  const ours = replica.heads(peers);
  const { same, first } = await narrow(talk, ours, narrows);
  const heard = new HeardHeads(peers, ours);
  await Promise.all([
    hearHeads(talk, heard, first),
    sayHeads(
      talk,
      ours.filter((actor) => !same(actor)),
    ),
  ]);
  // Of what is the same we know their heads without having heard them.
  return { heads: [...heard.kept, ...ours.filter(same)], peers, behind: heard.behind };
}

/** What differs, author by author, the greatest difference first. */
export function differences(
  replica: ReplicatedOps,
  registers: ReplicatedRegisters,
  theirs: Theirs | undefined,
  marks: ReadonlyMap<PeerKey, RegisterMark> | undefined,
): Difference[] {
  const own = registers.vector();
  const authors = new Set([
    ...(theirs?.peers ?? []),
    ...(marks === undefined ? [] : [...own.keys(), ...marks.keys()]),
  ]);
  const all = [...authors].map((author) => ({
    author,
    behind: theirs?.behind.get(author) ?? 0,
    ahead: theirs?.peers.includes(author) ? replica.missing(theirs.heads, [author]).send.length : 0,
    registers: marks === undefined ? undefined : newer(own.get(author), marks.get(author)),
  }));
  return all
    .filter(({ behind, ahead, registers }) => behind + ahead > 0 || registers !== undefined)
    .sort((x, y) => y.behind + y.ahead - x.behind - x.ahead);
}

function newer(own: RegisterMark | undefined, theirs: RegisterMark | undefined): Difference['registers'] {
  const by = (own?.gen ?? 0) - (theirs?.gen ?? 0) || (own?.rev ?? 0) - (theirs?.rev ?? 0);
  return by === 0 ? undefined : by < 0 ? 'behind' : 'ahead';
}

/** Leaves out the runs that are the same on both sides. `first`: what the other side said instead of its own digests. */
async function narrow(talk: Talk, ours: readonly ActorHeads[], narrows: boolean) {
  const nothing = { same: (_: ActorHeads) => false, first: undefined };
  const own = narrows ? runDigests(ours) : undefined;
  // Who has few runs says its heads at once, and takes no notice of the other side's digests.
  if (own === undefined || own.size === 0) return nothing;
  await talk.say({ kind: 'runs', digests: own });
  const first = await talk.hear();
  return first.kind === 'runs' ? { ...nothing, same: sameRuns(own, first.digests) } : { ...nothing, first };
}

/** In as many messages as it takes. */
async function sayDigests(talk: Talk, digests: ReadonlyMap<PeerKey, string>): Promise<void> {
  const all = [...digests];
  for (let at = 0; at === 0 || at < all.length; at += DIGESTS_PER_MESSAGE) {
    const part = new Map(all.slice(at, at + DIGESTS_PER_MESSAGE));
    await talk.say({ kind: 'digests', digests: part, more: at + DIGESTS_PER_MESSAGE < all.length });
  }
}

async function hearDigests(talk: Talk): Promise<ReadonlyMap<PeerKey, string>> {
  const heard = new Map<PeerKey, string>();
  for (;;) {
    const { digests, more } = await talk.expect('digests');
    const before = heard.size;
    for (const [peer, digest] of digests) heard.set(peer, digest);
    if (heard.size > MAX_AUTHORS) throw new Error('sends digests of too many authors');
    if (more !== true) return heard;
    if (heard.size === before) throw new Error('sends digests without end');
  }
}

async function sayHeads(talk: Talk, heads: readonly ActorHeads[]): Promise<void> {
  for (const { part, last } of flaggedChunks(heads, (actor) => 64 + 48 * actor.heads.length)) {
    await talk.say({ kind: 'heads', actors: part, last });
  }
}

async function hearHeads(talk: Talk, heard: HeardHeads, first: Sent | undefined): Promise<void> {
  let message = first ?? (await talk.hear());
  if (message.kind === 'runs') message = await talk.hear();
  for (let i = 0; i < MAX_HEAD_MESSAGES; i++) {
    if (message.kind !== 'heads') throw new Error(`sends ${message.kind} instead of heads`);
    for (const actor of message.actors) heard.take(actor);
    if (message.last) return;
    message = await talk.hear();
  }
  throw new Error('sends heads without end');
}

/** The other side's heads, of the peers that differ, and by how much they are beyond ours. */
class HeardHeads {
  readonly kept: ActorHeads[] = [];
  readonly behind = new Map<PeerKey, number>();
  readonly #peers: ReadonlySet<PeerKey>;
  readonly #ours: ReadonlyMap<string, ActorHeads>;
  #heads = 0;

  constructor(peers: readonly PeerKey[], ours: readonly ActorHeads[]) {
    this.#peers = new Set(peers);
    this.#ours = new Map(ours.map((actor) => [actor.peer + actor.run, actor]));
  }

  take(actor: ActorHeads): void {
    if (!this.#peers.has(actor.peer)) return;
    this.#heads += 1 + actor.heads.length;
    if (this.#heads > MAX_HEADS) throw new Error('sends heads without end');
    this.kept.push(actor);
    const own = this.#ours.get(actor.peer + actor.run);
    const lacking = newestOf(actor) - (own === undefined ? 0 : newestOf(own));
    if (lacking <= 0) return;
    const behind = (this.behind.get(actor.peer) ?? 0) + lacking;
    this.behind.set(actor.peer, Math.min(Number.MAX_SAFE_INTEGER, behind));
  }
}

function newestOf({ heads }: ActorHeads): number {
  return heads.reduce((newest, { seq }) => Math.max(newest, seq), 0);
}
