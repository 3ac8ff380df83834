import type { Draft } from '../../src/policy/op.ts';
import type { OpId, Record, Subject } from '../../src/policy/records.ts';
import { blockOf, device, domain, key, run } from './household.ts';

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
];

const FIRST: OpId = 'd18f0e6a1ff0ae1f4b2c36b3a4c7d4d4d4a1c1a2e9f0b6d7c8e9fa0b1c2d3e4f';

/** Three ops of the founder: an admission with a name, a block, and the change of a block. */
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
];
