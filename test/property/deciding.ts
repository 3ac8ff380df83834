import fc from 'fast-check';
import type { BlockSet, NodeId, RecordId } from '../../src/policy/block-set.ts';
import type { Edges } from '../../src/policy/classes.ts';
import type { Situation } from '../../src/policy/decide.ts';
import type { Descriptor } from '../../src/policy/descriptor.ts';
import { guardOf } from '../../src/policy/guard.ts';
import type { Record, Subject, Terms } from '../../src/policy/records.ts';

/** A small house for the laws of deciding: three devices on one segment, remotes with names, shared and bare addresses. */

export const HERE = 'attic/br-lan';
export const ROUTER = '192.168.1.1';
export const HOME = new Set(['192.168.1.0/24']);

export interface Thing {
  readonly id: NodeId;
  readonly device: boolean;
  readonly addresses: readonly string[];
  readonly domain?: string;
}

export const things: readonly Thing[] = [
  { id: 'd0', device: true, addresses: ['192.168.1.10'] },
  { id: 'd1', device: true, addresses: ['192.168.1.11'] },
  { id: 'd2', device: true, addresses: ['192.168.1.12', '192.168.1.13'] },
  { id: 'a.x.example', device: false, addresses: ['203.0.113.1', '203.0.113.2'], domain: 'a.x.example' },
  { id: 'b.x.example', device: false, addresses: ['203.0.113.2', '203.0.113.9'], domain: 'b.x.example' },
  { id: 'y.example', device: false, addresses: ['203.0.113.20', ROUTER], domain: 'y.example' },
  { id: 'bare', device: false, addresses: ['203.0.113.40'] },
];

/** The addresses at which verdicts are compared. */
export const places: readonly string[] = [
  ...new Set(things.flatMap(({ addresses }) => addresses)),
  '203.0.113.200',
  '198.51.100.1',
];

export function describe({ id, device, addresses, domain }: Thing): Descriptor {
  return {
    node: id,
    device,
    macs: device ? [`02:00:00:00:00:0${id.at(-1)}`] : [],
    addresses: addresses.map((address) => (device ? { address, segment: HERE } : { address })),
    domains: domain === undefined ? [] : [domain],
    names: [],
  };
}

export interface Written {
  readonly id: RecordId;
  readonly record: Record;
}

/** A situation of records, those of `retired` only as edges that blocks may still hold on to. */
export function situation(
  live: readonly Written[],
  retired: readonly Written[] = [],
  seen: readonly Thing[] = things,
): Situation {
  return {
    live,
    edges: edgesOf(live, retired),
    descriptors: seen.map(describe),
    segments: new Set([HERE]),
    routerMacs: new Set(),
    home: HOME,
    guard: guardOf([ROUTER], [], HOME),
    maxAddresses: 10_000,
    readyOwners: 0,
  };
}

export function edgesOf(live: readonly Written[], retired: readonly Written[] = []): Edges {
  const edges = new Map();
  for (const [list, alive] of [
    [live, true],
    [retired, false],
  ] as const) {
    for (const { id, record } of list) {
      if (record.kind === 'same' || record.kind === 'distinct' || record.kind === 'in')
        edges.set(id, { record, live: alive });
    }
  }
  return edges;
}

/** What a kernel with this block set does to a packet from a device to an address, in the order of enforce.md. */
export function isBlocked(set: BlockSet, device: NodeId, address: string): boolean {
  const owner = set.owners.get(device);
  if (address === ROUTER) return false;
  if (owner?.exceptions.has(address)) return false;
  if (owner?.remotes.has(address) || set.everyone.has(address)) return true;
  const within = (prefixes: ReadonlyMap<string, unknown>) =>
    [...prefixes.keys()].some((prefix) => inPrefix(address, prefix));
  if (owner === undefined || within(owner.exceptedNetworks)) return false;
  if (within(owner.networks)) return true;
  const inside = inPrefix(address, '192.168.1.0/24');
  return (inside ? owner.lan : owner.internet) !== undefined;
}

/** IPv4 only, by arithmetic of its own. */
export function inPrefix(address: string, prefix: string): boolean {
  const [base = '', length = '32'] = prefix.split('/');
  const number = (text: string) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}

/** Every pair of a device and an address, not its own, that is blocked. */
export function blockedPairs(set: BlockSet): Set<string> {
  const pairs = new Set<string>();
  for (const { id, addresses } of things.filter(({ device }) => device)) {
    for (const address of places) {
      if (!addresses.includes(address) && isBlocked(set, id, address)) pairs.add(`${id} ${address}`);
    }
  }
  return pairs;
}

const devices = things.filter(({ device }) => device);
export const deviceSubject: fc.Arbitrary<Subject> = fc.constantFrom(
  ...devices.map(({ id }): Subject => ({ kind: 'device', id })),
);
const wide: fc.Arbitrary<Subject> = fc.constantFrom<Subject>(
  { kind: 'home' },
  { kind: 'lan' },
  { kind: 'internet' },
);
const group: fc.Arbitrary<Subject> = fc.constantFrom<Subject>(
  { kind: 'group', group: 'kids' },
  { kind: 'group', group: 'things' },
);
const remote: fc.Arbitrary<Subject> = fc.constantFrom<Subject>(
  { kind: 'domain', domain: 'a.x.example' },
  { kind: 'domain', domain: 'b.x.example' },
  { kind: 'domain', domain: 'y.example' },
  { kind: 'remote', id: 'bare' },
  { kind: 'remote', id: 'a.x.example' },
);
const broad: fc.Arbitrary<Subject> = fc.constantFrom<Subject>(
  { kind: 'pattern', suffix: 'x.example' },
  { kind: 'pattern', suffix: 'a.x.example' },
  { kind: 'network', prefix: '203.0.113.0/24' },
  { kind: 'network', prefix: '203.0.113.0/28' },
  { kind: 'network', prefix: '203.0.113.0/30' },
  { kind: 'network', prefix: '192.168.1.8/29' },
  { kind: 'network', prefix: '0.0.0.0/0' },
);
export const subject: fc.Arbitrary<Subject> = fc.oneof(deviceSubject, wide, group, remote, broad);

const terms: fc.Arbitrary<Terms> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  fc.constant({ for: 60 }),
  fc.constant({ windows: [{ days: 127, from: 0, to: 60 }] }),
);

export const policy: fc.Arbitrary<Record> = fc
  .record({ effect: fc.boolean(), a: subject, b: subject, terms })
  .map(
    ({ effect, a, b, terms: of }): Record =>
      effect ? { kind: 'block', a, b, terms: of, apart: [] } : { kind: 'allow', a, b, terms: of },
  );

export const membership: fc.Arbitrary<Record> = fc
  .record({ group: fc.constantFrom('kids', 'things'), node: fc.oneof(deviceSubject, remote, broad) })
  .map((of): Record => ({ kind: 'in', ...of }));

const idsOf = (device: boolean) => things.filter((thing) => thing.device === device).map(({ id }) => id);
/** A device is never the same as a remote: `merge` refuses that. */
export const same: fc.Arbitrary<Record> = fc
  .constantFrom(idsOf(true), idsOf(false))
  .chain((ids) => fc.record({ x: fc.constantFrom(...ids), y: fc.constantFrom(...ids) }))
  .map((of): Record => ({ kind: 'same', ...of }));

/** Records with names. */
export function written(records: readonly Record[], prefix = 'r'): Written[] {
  return records.map((record, n) => ({ id: `${prefix}${String(n).padStart(3, '0')}/0`, record }));
}
