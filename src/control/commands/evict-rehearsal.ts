import type { SigningKey } from '../../p2p/keys.ts';
import type { PeerKey } from '../../policy/crypto.ts';
import type { Record, RunId } from '../../policy/records.ts';
import type { Replica } from '../../policy/replica.ts';
import { copyOf } from '../../policy/replica-copy.ts';
import type { Step } from '../author.ts';
import type { Parts } from '../parts.ts';
import { labels, recordWords } from '../views/words.ts';

/** What an eviction undoes. */
export interface Undone {
  /** What holds now and would not any more, and what would hold again, in words. */
  readonly falls: readonly string[];
  readonly returns: readonly string[];
  /** Other routers that would be out of the home, and those that would be back in it. */
  readonly membersFall: readonly string[];
  readonly membersReturn: readonly string[];
  /** Whom the evicted router admitted, and whether that stands. */
  readonly admitted: readonly { readonly router: string; readonly peer: PeerKey; readonly stays: boolean }[];
}

/** These are told as routers, not as records. */
const MEMBERSHIP: ReadonlySet<Record['kind']> = new Set(['admit', 'evict', 'leave', 'invite']);

/** Tries an eviction on a copy of the home's ops, which nobody is told of. */
export function rehearseEviction(
  { replica, crypto, clock, directory }: Parts,
  peer: PeerKey,
  signer: { readonly key: Pick<SigningKey, 'peer' | 'sign'>; readonly run: RunId },
  steps: readonly Step[],
): Undone {
  const then = copyOf(replica, crypto);
  for (const step of steps)
    then.author(signer.key, signer.run, { at: clock.now(), by: 'rehearsal', ...step });
  const label = labels(directory);
  const lacking = (from: Replica, to: Replica): string[] =>
    [...from.live.values()]
      .filter(({ id, record }) => !MEMBERSHIP.has(record.kind) && !to.live.has(id))
      .map(({ record }) => recordWords(record, label));
  const gone = (from: Replica, to: Replica) =>
    from
      .members()
      .filter((member) => member.peer !== peer && from.isMember(member.peer) && !to.isMember(member.peer))
      .map((member) => directory.routerName(member.peer));
  const admitted = replica.members().filter((member) => {
    return member.by !== undefined && replica.op(member.by)?.peer === peer && replica.isMember(member.peer);
  });
  return {
    falls: lacking(replica, then),
    returns: lacking(then, replica),
    membersFall: gone(replica, then),
    membersReturn: gone(then, replica),
    admitted: admitted.map((member) => ({
      router: directory.routerName(member.peer),
      peer: member.peer,
      stays: then.isMember(member.peer),
    })),
  };
}
