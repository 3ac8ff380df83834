import { type Draft, encodeOp } from '../../src/policy/op.ts';
import type { OpId, Record, Subject } from '../../src/policy/records.ts';
import type { Replica } from '../../src/policy/replica.ts';
import { admitAll, blockOf, device, domain, key, replica, run } from './household.ts';

const X = '0a'.repeat(16);
const Y = '0b'.repeat(16);
const ID = 'cd'.repeat(32);
const remote: Subject = { kind: 'remote', id: X };

/** One record of every kind and subject. */
export const vectorRecords: readonly { name: string; record: Record }[] = [
  { name: 'block device domain', record: blockOf(1, 'ads.example') },
  {
    name: 'block remote home apart',
    record: { kind: 'block', a: { kind: 'home' }, b: remote, terms: {}, apart: [`${ID}/258`] },
  },
  {
    name: 'block pattern terms',
    record: {
      kind: 'block',
      a: { kind: 'group', group: 'kids' },
      b: { kind: 'pattern', suffix: 'ads.example' },
      terms: {
        for: 7200,
        until: 1_800_000_000_000,
        windows: [{ days: 31, from: 1260, to: 420 }],
        reason: 'bedtime',
      },
      apart: [],
    },
  },
  {
    name: 'block scheduled in a zone',
    record: {
      kind: 'block',
      a: device(1),
      b: { kind: 'internet' },
      terms: { windows: [{ days: 96, from: 1380, to: 480 }], zone: 'Europe/Amsterdam' },
      apart: [],
    },
  },
  {
    name: 'allow network',
    record: { kind: 'allow', a: device(1), b: { kind: 'network', prefix: '203.0.113.0/24' }, terms: {} },
  },
  {
    name: 'block internet',
    record: { kind: 'block', a: device(2), b: { kind: 'internet' }, terms: {}, apart: [] },
  },
  { name: 'block lan', record: { kind: 'block', a: device(2), b: { kind: 'lan' }, terms: {}, apart: [] } },
  { name: 'ignore', record: { kind: 'ignore', node: remote } },
  { name: 'same', record: { kind: 'same', x: X, y: Y } },
  { name: 'distinct', record: { kind: 'distinct', x: X, y: Y } },
  { name: 'in', record: { kind: 'in', group: 'kids', node: device(1) } },
  { name: 'name device', record: { kind: 'name', of: device(1), text: 'Living room TV' } },
  { name: 'name home', record: { kind: 'name', of: { kind: 'home' }, text: 'Elm Street' } },
  {
    name: 'name router',
    record: { kind: 'name', of: { kind: 'router', peer: key(1).peer }, text: 'kitchen' },
  },
  { name: 'admit', record: { kind: 'admit', peer: key(1).peer, admin: true } },
  { name: 'admit invited', record: { kind: 'admit', peer: key(1).peer, admin: false, invite: ID } },
  { name: 'evict', record: { kind: 'evict', peer: key(1).peer, heads: [{ run: run(1), seq: 300, id: ID }] } },
  { name: 'leave', record: { kind: 'leave' } },
  {
    name: 'invite',
    record: { kind: 'invite', key: key(2).peer, admin: true, until: 1_700_000_600_000 },
  },
  { name: 'invite without an end', record: { kind: 'invite', key: key(2).peer, admin: false } },
];

const FIRST: OpId = 'd18f0e6a1ff0ae1f4b2c36b3a4c7d4d4d4a1c1a2e9f0b6d7c8e9fa0b1c2d3e4f';

/** Ops of the founder: an admission with a name, a block, the change of a block, and an undo by a trusted clock. */
export const vectorOps: readonly {
  actor: { peer: string; run: string; seq: number; prev: OpId | undefined };
  draft: Draft;
}[] = [
  {
    actor: { peer: key(0).peer, run: run(1), seq: 1, prev: undefined },
    draft: {
      at: 1_700_000_000_000,
      by: 'ada',
      over: [],
      add: [
        { kind: 'admit', peer: key(1).peer, admin: true },
        { kind: 'name', of: { kind: 'router', peer: key(1).peer }, text: 'kitchen' },
      ],
    },
  },
  {
    actor: { peer: key(0).peer, run: run(2), seq: 1, prev: undefined },
    draft: {
      at: 1_700_000_001_000,
      by: 'ada',
      over: [],
      add: [blockOf(1, 'ads.example'), blockOf(2, 'ads.example')],
    },
  },
  {
    actor: { peer: key(0).peer, run: run(3), seq: 1, prev: undefined },
    draft: {
      at: 0,
      by: '',
      over: [`${FIRST}/0`],
      add: [{ kind: 'block', a: device(3), b: domain('a.example'), terms: {}, apart: [] }],
    },
  },
  {
    actor: { peer: key(0).peer, run: run(4), seq: 1, prev: undefined },
    draft: { at: 1_700_000_002_000, trusted: true, by: 'ada', undoes: FIRST, over: [`${FIRST}/1`], add: [] },
  },
];

/** What happens in the homes of test/vectors/fold.json: forks, evictions, leaving, and what was written under them. */
export interface FoldVector {
  readonly name: string;
  /** In an order in which they can be admitted. */
  readonly envelopes: readonly string[];
  readonly members: readonly {
    peer: string;
    admin: boolean;
    depth: number;
    evicted: boolean;
    left: boolean;
  }[];
  readonly counted: readonly string[];
  readonly live: readonly string[];
  readonly digest: string;
}

/** Some homes, each as the envelopes that were written in it. */
export function foldStories(): { name: string; envelopes: Uint8Array[] }[] {
  return [
    { name: 'a fork: both count', envelopes: fork() },
    { name: 'an eviction: what its author had seen goes on counting', envelopes: eviction() },
    { name: 'mutual evictions: the senior wins', envelopes: mutualEvictions() },
    { name: 'somebody leaves: what was written counts', envelopes: leaving() },
  ];
}

function story(): { all: Uint8Array[]; home: Replica } {
  const all: Uint8Array[] = [];
  return { all, home: replica((op) => all.push(op.envelope)) };
}

const say = (add: readonly Record[], over: readonly string[] = []): Draft => ({
  at: 1,
  by: 'ada',
  over,
  add,
});

function fork(): Uint8Array[] {
  const { all, home } = story();
  const first = home.author(key(0), run(1), say([blockOf(1, 'a.example')]));
  home.author(key(0), run(1), say([blockOf(2, 'b.example')], [`${first.id}/0`]));
  const actor = { home: home.home, peer: first.peer, run: first.run, seq: 2, prev: first.id };
  home.admit(encodeOp(actor, say([blockOf(3, 'c.example')]), key(0).sign));
  return all;
}

function eviction(): Uint8Array[] {
  const { all, home } = story();
  admitAll(home, [1]);
  const seen = home.author(key(1), run(2), say([blockOf(1, 'a.example')]));
  home.author(key(1), run(2), say([blockOf(2, 'b.example')]));
  const heads = [{ run: seen.run, seq: seen.seq, id: seen.id }];
  home.author(key(0), run(1), say([{ kind: 'evict', peer: key(1).peer, heads }]));
  return all;
}

function mutualEvictions(): Uint8Array[] {
  const { all, home } = story();
  admitAll(home, [1, 2]);
  const twin = replica();
  for (const envelope of all) twin.admit(envelope);
  home.author(key(1), run(2), say([{ kind: 'evict', peer: key(2).peer, heads: [] }]));
  const other = twin.author(key(2), run(3), say([{ kind: 'evict', peer: key(1).peer, heads: [] }]));
  home.admit(other.envelope);
  return [...new Set([...all, other.envelope])];
}

function leaving(): Uint8Array[] {
  const { all, home } = story();
  admitAll(home, [1]);
  home.author(key(1), run(2), say([blockOf(1, 'a.example'), { kind: 'leave' }]));
  return all;
}
