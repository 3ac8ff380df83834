import { isPrivate, isSpecial } from './address.ts';
import {
  type Address,
  type BlockSet,
  freeOwner,
  type Mac,
  type NodeId,
  type Owner,
  type Prefix,
  type RecordId,
  type Spared,
} from './block-set.ts';
import type { Descriptor } from './descriptor.ts';
import { guardCheck } from './guard.ts';
import type { Record, Subject } from './records.ts';

/** Everything that decides what this router blocks now. */
export interface Situation {
  /** The records that hold. */
  readonly live: Iterable<{ readonly id: RecordId; readonly record: Record }>;
  /** What this router and the registers of the members know; the same node may come several times. */
  readonly descriptors: Iterable<Descriptor>;
  /** The segments of this router: private addresses of any other mean nothing here. */
  readonly segments: ReadonlySet<string>;
  readonly home: ReadonlySet<Prefix>;
  readonly guard: ReadonlySet<Prefix>;
  /** MACs of routers and next hops, which are never devices. */
  readonly routerMacs: ReadonlySet<Mac>;
  /** At most so many blocked addresses are enforced. */
  readonly maxAddresses: number;
  /** So many devices are owners beforehand, with nothing blocked: their first block then needs no new rule. */
  readonly readyOwners: number;
}

/** The kinds of pairs that this version enforces; others are kept, counted, relayed and shown as such. */
export function isEnforceable(record: Record): boolean {
  if (record.kind !== 'block') return false;
  const kinds = [record.a.kind, record.b.kind];
  const near = kinds.filter((kind) => kind === 'device').length;
  const far = kinds.filter((kind) => kind === 'remote' || kind === 'domain').length;
  return near === 2 || (near === 1 && far === 1) || (kinds.includes('home') && far === 1);
}

/** What a node is here, all descriptors of it together. */
interface Seen {
  readonly addresses: Set<Address>;
  readonly macs: Set<Mac>;
}

interface OwnerDraft {
  readonly remotes: Map<Address, RecordId[]>;
}

/** From what is wanted and what is seen to what the kernel should block (policy.md, "Deciding"). Pure. */
export function decide(situation: Situation): BlockSet {
  const { home, guard } = situation;
  const world = survey(situation);
  const guarded = guardCheck(guard);
  const owners = new Map<NodeId, OwnerDraft>();
  const everyone = new Map<Address, RecordId[]>();
  const spared: Spared[] = [];
  let count = 0;

  const want = (into: Map<Address, RecordId[]>, addresses: Iterable<Address>, record: RecordId): void => {
    for (const address of addresses) {
      const held = into.get(address);
      if (held !== undefined) held.push(record);
      else if (guarded(address)) spared.push({ record, address, why: 'guard' });
      else if (count >= situation.maxAddresses) spared.push({ record, address, why: 'cap' });
      else {
        into.set(address, [record]);
        count += 1;
      }
    }
  };
  const ownerOf = (id: NodeId): OwnerDraft => {
    const draft = owners.get(id) ?? { remotes: new Map() };
    owners.set(id, draft);
    return draft;
  };

  for (const { id, record } of narrowestFirst(situation.live)) {
    for (const [near, far] of [
      [record.a, record.b],
      [record.b, record.a],
    ] as const) {
      if (near.kind === 'device') want(ownerOf(near.id).remotes, world.addressesOf(far), id);
      else if (near.kind === 'home') want(everyone, world.addressesOf(far), id);
    }
  }

  for (const id of world.devices) {
    if (owners.size >= situation.readyOwners) break;
    ownerOf(id);
  }

  return {
    owners: new Map(
      [...owners].map(([id, { remotes }]): [NodeId, Owner] => [
        id,
        { ...freeOwner, id, remotes, ...world.node(id) },
      ]),
    ),
    everyone,
    home,
    guard,
    known: world.known,
    spared,
  };
}

/** Pairs before what holds for everybody, so that a cap takes the widest away; then a fixed order. */
function narrowestFirst(live: Situation['live']): { id: RecordId; record: { a: Subject; b: Subject } }[] {
  const blocks: { id: RecordId; record: { a: Subject; b: Subject }; wide: number }[] = [];
  for (const { id, record } of live) {
    if (record.kind !== 'block' || !isEnforceable(record)) continue;
    blocks.push({ id, record, wide: record.a.kind === 'home' || record.b.kind === 'home' ? 1 : 0 });
  }
  return blocks.sort((x, y) => x.wide - y.wide || (x.id < y.id ? -1 : 1));
}

interface World {
  /** The devices that have a MAC or an address here, in a fixed order. */
  readonly devices: readonly NodeId[];
  /** Every address of every device that counts here. */
  readonly known: ReadonlySet<Address>;
  node(id: NodeId): { addresses: ReadonlySet<Address>; macs: ReadonlySet<Mac> };
  addressesOf(subject: Subject): Iterable<Address>;
}

const NOTHING: ReadonlySet<string> = new Set();

function survey({ descriptors, segments, routerMacs }: Situation): World {
  const nodes = new Map<NodeId, Seen>();
  const domains = new Map<string, Set<Address>>();
  const known = new Set<Address>();
  const devices = new Set<NodeId>();
  for (const descriptor of descriptors) {
    if (descriptor.device && descriptor.macs.some((mac) => routerMacs.has(mac))) continue;
    const seen = nodes.get(descriptor.node) ?? { addresses: new Set(), macs: new Set() };
    nodes.set(descriptor.node, seen);
    if (descriptor.device) devices.add(descriptor.node);
    for (const mac of descriptor.macs) seen.macs.add(mac);
    for (const { address, segment } of descriptor.addresses) {
      const here = segment === undefined ? !descriptor.device : segments.has(segment);
      if (isSpecial(address) || (!here && isPrivate(address))) continue;
      seen.addresses.add(address);
      if (descriptor.device) known.add(address);
      for (const domain of descriptor.device ? [] : descriptor.domains) {
        const of = domains.get(domain) ?? new Set();
        domains.set(domain, of.add(address));
      }
    }
  }
  return {
    known,
    devices: [...devices].sort(),
    node: (id) => nodes.get(id) ?? { addresses: NOTHING, macs: NOTHING },
    addressesOf(subject) {
      if (subject.kind === 'device' || subject.kind === 'remote')
        return nodes.get(subject.id)?.addresses ?? NOTHING;
      return subject.kind === 'domain' ? (domains.get(subject.domain) ?? NOTHING) : NOTHING;
    },
  };
}
