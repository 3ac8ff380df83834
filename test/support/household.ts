import { createCrypto, keyFromSeed, type SigningKey } from '../../src/p2p/keys.ts';
import type { Archive } from '../../src/policy/archive.ts';
import type { Genesis } from '../../src/policy/genesis.ts';
import type { Op } from '../../src/policy/op.ts';
import type { Record, Subject } from '../../src/policy/records.ts';
import { Replica } from '../../src/policy/replica.ts';

export const crypto = createCrypto();

/** A key that is the same in every run of a test. */
export function testKey(n: number): SigningKey {
  return keyFromSeed(crypto.sha256(new TextEncoder().encode(`test key ${n}`)));
}

/** Keys 0 … 47; key 0 founds the home. */
export const keys: readonly SigningKey[] = Array.from({ length: 48 }, (_, n) => testKey(n));
export const recovery = testKey(100);
export const genesis: Genesis = { recovery: recovery.peer, founder: key(0).peer, nonce: '00'.repeat(16) };

export function key(n: number): SigningKey {
  const found = keys[n];
  if (found === undefined) throw new RangeError(`no key ${n}`);
  return found;
}

export function replica(onAdmitted?: (op: Op, n: number) => void, archive?: Archive): Replica {
  return new Replica({ genesis, crypto, archive, ...(onAdmitted ? { onAdmitted } : {}) });
}

/** A run id from a number. */
export function run(n: number): string {
  return n.toString(16).padStart(32, '0');
}

export function device(n: number): Subject {
  return { kind: 'device', id: n.toString(16).padStart(32, '0') };
}

export function domain(name: string): Subject {
  return { kind: 'domain', domain: name };
}

export function blockOf(n: number, name: string): Record {
  return { kind: 'block', a: device(n), b: domain(name), terms: {}, apart: [] };
}

/** The founder admits these keys. */
export function admitAll(home: Replica, members: readonly number[], of = run(1)): Op[] {
  return members.map((n) =>
    home.author(key(0), of, {
      at: 1,
      by: 'test',
      over: [],
      add: [{ kind: 'admit', peer: key(n).peer, admin: true }],
    }),
  );
}

/** Delivers what `to` lacks, as sync does; answers how many ops were sent. Both directions: call it twice. */
export function deliver(from: SyncSide, to: SyncSide, limit = Number.POSITIVE_INFINITY): number {
  if (from.digest === to.digest) return 0;
  const theirs = to.peerDigests();
  const peers = [...from.peerDigests()]
    .filter(([peer, digest]) => theirs.get(peer) !== digest)
    .map(([peer]) => peer);
  const { send } = from.missing(to.heads([...peers]), peers);
  for (const id of send.slice(0, limit)) to.admit(from.envelope(id) ?? new Uint8Array(0));
  return Math.min(send.length, limit);
}

/** What sync needs of a replica. */
export interface SyncSide {
  readonly digest: string;
  peerDigests(): ReadonlyMap<string, string>;
  heads(
    peers: Iterable<string>,
  ): { peer: string; run: string; heads: readonly { id: string; seq: number }[] }[];
  missing(
    theirs: readonly { peer: string; run: string; heads: readonly { id: string; seq: number }[] }[],
    peers: Iterable<string>,
  ): { send: string[]; deferred: string[] };
  envelope(id: string): Uint8Array | undefined;
  admit(envelope: Uint8Array): { verdict: string };
}
