import type { Clock } from '../clock.ts';
import { messageOf, UsageError } from '../errors.ts';
import { Decider } from '../local/decider.ts';
import { NodeCache } from '../local/nodes/node-cache.ts';
import type { Interfaces } from '../local/observe/interfaces.ts';
import { Trial } from '../local/replay/trial.ts';
import { createCrypto, keyFromSeed } from '../p2p/keys.ts';
import type { Live } from '../policy/contents.ts';
import { utf8 } from '../policy/crypto.ts';
import type { Record, Subject } from '../policy/records.ts';
import { Registers } from '../policy/registers.ts';
import { Replica } from '../policy/replica.ts';
import { forceOf } from '../policy/terms.ts';
import { inOps } from './author.ts';
import type { Entry } from './book/entry.ts';
import { recordOf } from './book/entry-of.ts';
import { Directory } from './directory.ts';
import { isShown } from './views/shown.ts';

export interface RehearsalOptions {
  /** The time of what is rehearsed: times and schedules of the policies follow it, and a `for` begins with it. */
  readonly clock: Clock;
  readonly interfaces: () => Interfaces;
  /** The policy book to try; none when absent. */
  readonly entries?: readonly Entry[] | undefined;
}

/** A word of a book that stands for nothing. */
export interface Misfit {
  readonly index: number;
  readonly message: string;
}

/** A home for the length of one replay, in memory. */
export interface Rehearsal {
  readonly cache: NodeCache;
  readonly directory: Directory;
  /** Undefined without a book. */
  readonly trial: Trial | undefined;
  /** Its policies, in the order of the book. */
  readonly policies: readonly Live[];
  /** With any of these the rest of a rehearsal means nothing. */
  readonly misfits: readonly Misfit[];
}

/** As the configuration has it. */
const MAX_ADDRESSES = 200_000;

/**
 * Founds a home that nobody else is in and nothing is kept of, and writes a policy book into it: the path from a book to
 * what is blocked is that of an agent. Its keys are known to all, so that ids are the same in each replay; they guard nothing.
 */
export function rehearse({ clock, interfaces, entries }: RehearsalOptions): Rehearsal {
  const crypto = createCrypto();
  const key = keyFromSeed(crypto.sha256(utf8('hedgerow replay')));
  const genesis = { recovery: key.peer, founder: key.peer, nonce: '00'.repeat(16) };
  const replica = new Replica({ genesis, crypto });
  const registers = new Registers({ home: replica.home, crypto, isMember: () => false });
  // What is shown in the end is the whole capture, however long it is.
  const cache = new NodeCache({ home: replica.home, crypto, clock, bindingKeepMs: Number.MAX_SAFE_INTEGER });
  const decider = new Decider({
    replica,
    registers,
    cache,
    crypto,
    self: key.peer,
    interfaces,
    memberAddresses: () => [],
    networks: [],
    maxAddresses: MAX_ADDRESSES,
    inForce: ({ record }) => isInForce(record, clock),
  });
  const directory = new Directory(replica, registers, cache, (id) => [...decider.classOf(id)]);
  const apart = (subjects: readonly Subject[]) => decider.apart(subjects);
  const misfits: Misfit[] = [];
  const write = (records: readonly Record[]) => {
    const steps = records.map((record) => ({ over: [], add: [record] }));
    for (const draft of inOps(steps)) replica.author(key, '00'.repeat(16), { at: 0, by: 'replay', ...draft });
  };
  // A policy may be about what the book itself gives a name.
  for (const named of [true, false]) {
    const records: Record[] = [];
    for (const [index, entry] of (entries ?? []).entries()) {
      if ((entry.kind === 'name') !== named) continue;
      try {
        const record = recordOf({ crypto, replica, directory, cache, apart }, entry);
        if (record.kind !== 'name' || record.of.kind !== 'router') records.push(record);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        misfits.push({ index, message: messageOf(error) });
      }
    }
    write(records);
  }
  return {
    cache,
    directory,
    trial:
      entries === undefined ? undefined : new Trial({ clock, cache, blockSet: () => decider.blockSet() }),
    policies: [...replica.live.values()].filter(({ record }) => isShown(record)),
    misfits,
  };
}

/** A packet's time is taken for right. */
function isInForce(record: Record, clock: Clock): boolean {
  if (record.kind !== 'block' && record.kind !== 'allow') return true;
  const moment = { wall: clock.now(), trusted: true, elapsedS: clock.monotonic() / 1_000 };
  return forceOf(record.kind, record.terms, moment).inForce;
}
