/** A home with a past, made up: members, and years of blocks that were made and lifted again. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createCrypto, keyFromSeed, type SigningKey } from '../src/p2p/keys.ts';
import { toHex } from '../src/policy/crypto.ts';
import type { Descriptor } from '../src/policy/descriptor.ts';
import { deviceId, domainNodeId } from '../src/policy/identity.ts';
import { encodeOp, type Op, unseal } from '../src/policy/op.ts';
import type { Record } from '../src/policy/records.ts';
import { Registers } from '../src/policy/registers.ts';
import { Replica } from '../src/policy/replica.ts';
import type { Database } from '../src/store/database.ts';
import { restore } from '../src/store/restore.ts';
import { Store, type Stored as StoreContents } from '../src/store/store.ts';

export const crypto = createCrypto();

const key = (n: number): SigningKey => keyFromSeed(crypto.sha256(new TextEncoder().encode(`bench key ${n}`)));

/** The founder and two others; the next ones are nobody yet. */
export const members = [key(0), key(1), key(2)] as const;
export const newcomer = key(3);
const genesis = { recovery: key(99).peer, founder: members[0].peer, nonce: '00'.repeat(16) };

/** A replica that knows its members and nothing else. */
export function newReplica(): Replica {
  const replica = new Replica({ genesis, crypto });
  for (const { peer } of members.slice(1)) admitMember(replica, peer);
  return replica;
}

/** A policy side that keeps what it admits in this database, and nothing in it yet. */
export function emptyOn(database: Database) {
  const store = new Store(database);
  const onAdmitted = (op: Op, n: number) => store.putOp(n, op);
  const replica = new Replica({ genesis, crypto, archive: store, onAdmitted });
  const registers = new Registers({ home: replica.home, crypto, isMember: (peer) => replica.isMember(peer) });
  return {
    store,
    replica,
    restore: (stored: StoreContents) => restore(stored, replica, registers, members[0].peer),
  };
}

/** Collects all garbage, now. */
export function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new TypeError('this Node lets nobody collect its garbage');
  return () => collect();
}

/** The founder admits somebody; the whole fold is done anew then. */
export function admitMember(replica: Replica, peer: string): void {
  const add: Record[] = [{ kind: 'admit', peer, admin: true }];
  replica.author(members[0], 'f0'.repeat(16), { at: 1, by: 'bench', over: [], add });
}

export interface Stored {
  readonly id: string;
  readonly envelope: Uint8Array;
}

/** An agent runs for so many of its own changes before it is started anew. */
const OPS_PER_RUN = 2_000;
const NO_SIGNATURE = new Uint8Array(64);

/**
 * Ops in an order in which they can be admitted: three authors in turn, each block lifted when `live` others were made.
 * @param signed with their authors' signatures; without, they are as good as ops of a store, which are not verified again
 */
export function history(count: number, live: number, signed: boolean): Stored[] {
  const { home } = newReplica();
  const chains = members.map(() => ({ seq: 0, prev: undefined as string | undefined, run: 0 }));
  const blocks: string[] = [];
  const stored: Stored[] = [];
  for (let n = 0; n < count; n++) {
    const author = n % members.length;
    const [member, chain] = [members[author], chains[author]];
    if (member === undefined || chain === undefined) break;
    if (chain.seq === OPS_PER_RUN) Object.assign(chain, { seq: 0, prev: undefined, run: chain.run + 1 });
    chain.seq += 1;
    const lifts = blocks.length >= live;
    const over = lifts ? blocks.splice(0, 1) : [];
    const draft = { at: 1.7e12 + n * 1e6, by: 'ada', over, add: lifts ? [] : [blockOf(n)] };
    const run = (author * 2 ** 32 + chain.run + 1).toString(16).padStart(32, '0');
    const envelope = encodeOp(
      { home, peer: member.peer, run, seq: chain.seq, prev: chain.prev },
      draft,
      signed ? member.sign : () => NO_SIGNATURE,
    );
    const id = toHex(crypto.sha256(partsOf(envelope).body));
    chain.prev = id;
    if (!lifts) blocks.push(`${id}/0`);
    stored.push({ id, envelope });
  }
  return stored;
}

/** Device n mod 50 and one of 5,000 domains. */
export const blockOf = (n: number): Record => ({
  kind: 'block',
  a: { kind: 'device', id: deviceOf(n % 50) },
  b: { kind: 'domain', domain: domainOf(n) },
  terms: {},
  apart: [],
});

const { home } = newReplica();
const mac = (n: number) => `00:00:5e:00:53:${n.toString(16).padStart(2, '0')}`;
const deviceOf = (n: number) => deviceId(crypto, home, mac(n));
const domainOf = (n: number) => `d${n % 5_000}.ads.example`;

/** What a router knows: 50 devices, and the remotes of so many domains, each with 4 + 4 addresses. */
export function descriptors(domains: number): Descriptor[] {
  const devices = Array.from({ length: 50 }, (_, n) => ({
    node: deviceOf(n),
    device: true,
    macs: [mac(n)],
    addresses: [
      { address: `192.168.1.${n + 10}`, segment: 'attic/br-lan' },
      { address: `2001:db8:1::${(n + 10).toString(16)}`, segment: 'attic/br-lan' },
    ],
    domains: [],
    names: [`device${n}`],
  }));
  const remotes = Array.from({ length: domains }, (_, n) => remoteOf(n));
  return [...devices, ...remotes];
}

/** The remote of one domain, with 4 + 4 addresses. */
export function remoteOf(n: number): Descriptor {
  const tail = (i: number) => n * 4 + i;
  return {
    node: domainNodeId(crypto, home, domainOf(n)),
    device: false,
    macs: [],
    addresses: [0, 1, 2, 3].flatMap((i) => [
      { address: `198.${18 + (tail(i) >> 16)}.${(tail(i) >> 8) & 255}.${tail(i) & 255}` },
      { address: `2001:db8:cb00::${(tail(i) + 1).toString(16)}` },
    ]),
    domains: [domainOf(n)],
    names: [],
  };
}

/** The parts of an op's envelope; of one that was made here, they are there. */
export function partsOf(envelope: Uint8Array): { readonly body: Uint8Array; readonly sig: Uint8Array } {
  const parts = unseal(envelope);
  if (parts === undefined) throw new RangeError('not an envelope');
  return parts;
}
