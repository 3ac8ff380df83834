import type { Address, NodeId, Prefix, RecordId } from './block-set.ts';
import { type Breadth, breadthOf, compareBreadth } from './breadth.ts';
import type { Classes, Edges } from './classes.ts';
import type { PeerKey } from './crypto.ts';
import type { BlockRecord, Record, Subject } from './records.ts';
import type { Sightings } from './sightings.ts';

type Policy = BlockRecord | Extract<Record, { kind: 'allow' }>;

/** One direction of a block or an allow: what the devices on the near side do not reach, or do all the same. */
export interface Rule {
  readonly record: RecordId;
  readonly effect: 'block' | 'allow';
  /** The devices that it holds for; undefined: all of the home. */
  readonly owners: ReadonlySet<NodeId> | undefined;
  /** The router whose own traffic it is about: then there are no owners. */
  readonly router: PeerKey | undefined;
  readonly addresses: ReadonlySet<Address>;
  readonly networks: readonly Prefix[];
  readonly wide: 'internet' | 'lan' | undefined;
  readonly near: Breadth;
  readonly far: Breadth;
  /** A schedule gives way to an exception for a time (a bonus) on the same pair. */
  readonly term: 'schedule' | 'timed' | undefined;
  /** When one of these nodes changes, or one whose domain ends so, the rule has to be made anew. */
  readonly nodes: ReadonlySet<NodeId>;
  readonly suffixes: readonly string[];
}

/** What a subject stands for. */
interface Extent {
  readonly nodes: Set<NodeId>;
  readonly suffixes: string[];
  readonly networks: Prefix[];
}

export interface Scene {
  readonly sightings: Sightings;
  readonly classes: Classes;
  readonly edges: Edges;
  readonly idOfDomain: (domain: string) => NodeId;
}

/** True for what this version puts in force; the rest is kept, counted, relayed and shown as such. */
export function isEnforceable(record: Record): record is Policy {
  return (record.kind === 'block' || record.kind === 'allow') && directions(record).length > 0;
}

/** The rules of a policy: one for each side that devices can stand on. */
export function rulesOf(id: RecordId, policy: Policy, scene: Scene): Rule[] {
  return directions(policy).map(([near, far]) => rule(id, policy, near, far, scene));
}

/** True when `allow` is an exception to `block`: to a wider one, or for a time to a schedule of the same pair. */
export function excepts(allow: Rule, block: Rule): boolean {
  const order = compareBreadth(allow.far, block.far) || compareBreadth(allow.near, block.near);
  return order < 0 || (order === 0 && allow.term === 'timed' && block.term === 'schedule');
}

/** The narrowest first, then in a fixed order: who comes first is enforced when not all can be. */
export function byBreadth(x: Rule, y: Rule): number {
  return compareBreadth(x.far, y.far) || compareBreadth(x.near, y.near) || (x.record < y.record ? -1 : 1);
}

function directions({ a, b }: Policy): [near: Subject, far: Subject][] {
  return [
    [a, b],
    [b, a],
  ].filter((pair): pair is [Subject, Subject] => {
    const [near, far] = pair as [Subject, Subject];
    if (far.kind === 'router') return false;
    if (near.kind === 'router') return isOutside(far);
    if (near.kind === 'device' || near.kind === 'group') return true;
    // A device and the home is a device and the others: seen from the device.
    return (near.kind === 'home' || near.kind === 'lan') && far.kind !== 'device' && far.kind !== 'home';
  });
}

/** What may be blocked for a router itself. Without the devices around it nobody could reach it any more. */
function isOutside({ kind }: Subject): boolean {
  return kind !== 'device' && kind !== 'home' && kind !== 'lan';
}

function rule(record: RecordId, policy: Policy, near: Subject, far: Subject, scene: Scene): Rule {
  const { sightings } = scene;
  const mine = near.kind === 'home' || near.kind === 'lan' ? undefined : extentOf(near, policy, scene);
  const theirs = extentOf(far, policy, scene);
  const owners = mine && new Set([...mine.nodes].filter((id) => isDevice(id, near, sightings)));
  const addresses = new Set<Address>();
  for (const id of theirs.nodes) {
    // Of a mixed group seen from the home, or a router, only what is outside of it counts: the devices are seen from themselves.
    if ((mine === undefined || near.kind === 'router') && sightings.node(id)?.device) continue;
    for (const address of sightings.addresses(id)) addresses.add(address);
  }
  const { terms } = policy;
  const timed = terms.for !== undefined || terms.until !== undefined;
  return {
    record,
    effect: policy.kind,
    owners,
    router: near.kind === 'router' ? near.peer : undefined,
    addresses,
    networks: theirs.networks,
    wide:
      far.kind === 'internet' ? 'internet' : far.kind === 'lan' || far.kind === 'home' ? 'lan' : undefined,
    near: breadthOf(near),
    far: breadthOf(far),
    term: (terms.windows ?? []).length > 0 ? 'schedule' : timed ? 'timed' : undefined,
    nodes: mine === undefined ? theirs.nodes : mine.nodes.union(theirs.nodes),
    suffixes: [...(mine?.suffixes ?? []), ...theirs.suffixes],
  };
}

/** A device that nobody has described yet is an owner all the same: what names it says that it is one. */
function isDevice(id: NodeId, near: Subject, sightings: Sightings): boolean {
  return sightings.node(id)?.device ?? near.kind === 'device';
}

/** A block covers the classes of what it names, an allow nothing but that. */
function extentOf(subject: Subject, policy: Policy, scene: Scene): Extent {
  const extent: Extent = { nodes: new Set(), suffixes: [], networks: [] };
  const apart = policy.kind === 'block' ? policy.apart : undefined;
  const add = (id: NodeId): void => {
    if (apart === undefined) extent.nodes.add(id);
    else for (const one of scene.classes.covered(id, apart)) extent.nodes.add(one);
  };
  const take = (one: Subject): void => {
    if (one.kind === 'device' || one.kind === 'remote') add(one.id);
    else if (one.kind === 'domain') {
      add(scene.idOfDomain(one.domain));
      for (const id of scene.sightings.withDomain(one.domain)) add(id);
    } else if (one.kind === 'pattern') {
      extent.suffixes.push(one.suffix);
      for (const id of scene.sightings.under(one.suffix)) add(id);
    } else if (one.kind === 'network') extent.networks.push(one.prefix);
  };
  if (subject.kind === 'group')
    for (const member of membersOf(subject.group, apart, scene.edges)) take(member);
  else take(subject);
  return extent;
}

/**
 * Who is in a group: for an allow who is in it now, for a block also who was taken out of it by somebody of whom its author
 * had not heard.
 */
export function membersOf(group: string, apart: readonly RecordId[] | undefined, edges: Edges): Subject[] {
  const members: Subject[] = [];
  for (const [id, { record, live }] of edges) {
    if (record.kind !== 'in' || record.group !== group) continue;
    if (live || (apart !== undefined && !apart.includes(id))) members.push(record.node);
  }
  return members;
}
