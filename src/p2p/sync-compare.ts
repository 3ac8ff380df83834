import type { PeerKey } from '../policy/crypto.ts';
import type { ActorHeads, ReplicatedOps } from './replicated.ts';
import { differing, flaggedChunks } from './sync-chunks.ts';
import type { Talk } from './sync-talk.ts';

/** What the other side holds of the peers in which both differ. */
export interface Theirs {
  readonly heads: readonly ActorHeads[];
  readonly peers: readonly PeerKey[];
}

const MAX_HEAD_MESSAGES = 1_024;

/** Digests per peer, then the heads of the peers that differ. Rejects when the other side does not keep to that. */
export async function compare(talk: Talk, replica: ReplicatedOps): Promise<Theirs> {
  const mine = replica.peerDigests();
  await talk.say({ kind: 'digests', digests: mine });
  const { digests } = await talk.expect('digests');
  const peers = differing(mine, digests);
  const [heads] = await Promise.all([hearHeads(talk), sayHeads(talk, replica.heads(peers))]);
  return { heads, peers };
}

async function sayHeads(talk: Talk, heads: readonly ActorHeads[]): Promise<void> {
  for (const { part, last } of flaggedChunks(heads, (actor) => 64 + 48 * actor.heads.length)) {
    await talk.say({ kind: 'heads', actors: part, last });
  }
}

async function hearHeads(talk: Talk): Promise<ActorHeads[]> {
  const heads: ActorHeads[] = [];
  for (let i = 0; i < MAX_HEAD_MESSAGES; i++) {
    const message = await talk.expect('heads');
    heads.push(...message.actors);
    if (message.last) return heads;
  }
  throw new Error('sends heads without end');
}
