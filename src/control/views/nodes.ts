import type { ReferenceCounts, ReferenceKind } from '../../local/nodes/references.ts';
import { isRandomised } from '../../local/nodes/vendors.ts';
import { segmentRouter } from '../../p2p/card.ts';
import type { NodeId } from '../../policy/block-set.ts';
import { isoTime } from '../book/terms.ts';
import { ignoredNodes } from '../commands/ignore.ts';
import { idsOf, livePolicies } from '../commands/standing.ts';
import { type KnownNode, labelOf } from '../known-node.ts';
import type { NodeRoll } from '../node-roll.ts';
import type { Cursor, PageRequest } from '../numbered.ts';
import type { Parts } from '../parts.ts';
import { midnightHour } from './flow-history.ts';
import { type Place, whereaboutsOf } from './whereabouts.ts';

/** One node as a person is shown it. */
export interface NodeView {
  readonly id: string;
  /** Every id that is the same node. */
  readonly ids: readonly string[];
  readonly label: string;
  readonly device: boolean;
  readonly names: readonly string[];
  /** The names that people gave it: of several the first is shown. */
  readonly given: readonly string[];
  readonly groups: readonly string[];
  /** Its flows are not shown by default. */
  readonly ignored: boolean;
  readonly macs: readonly string[];
  /** True when the MAC is a locally administered one, as phones make them up. */
  readonly randomisedMac: boolean;
  readonly addresses: readonly { address: string; segment: string | undefined }[];
  readonly domains: readonly string[];
  /** Seconds since this router saw it; undefined when only others did. */
  readonly seenSecondsAgo: number | undefined;
  /** What refers to it on this router, so that it is kept: kinds and how many; those that there are none of are left out. */
  readonly references: ReferenceCounts;
  /** The integer by which SPIN's clients call it, once one of them has. */
  readonly alias: number | undefined;
}

/** What is known of a device besides. */
export interface DeviceView extends NodeView {
  /** Who made it, by its MAC; undefined for a randomised one. */
  readonly vendor: string | undefined;
  /** The router that it is behind, as far as the routers that are alive tell; and what each of them says. */
  readonly router: string | undefined;
  readonly places: readonly Place[];
  /** When this router saw it first, ISO 8601, restarts included; and whether the clock was trusted then. */
  readonly firstSeen: { readonly at: string; readonly trusted: boolean } | undefined;
  /** Bytes over all routers since it was first seen, to within 2 %; undefined when none was counted. */
  readonly bytes: { readonly up: number; readonly down: number } | undefined;
  /** What this router has counted, exactly: in all, and since midnight where the home is. */
  readonly bytesHere: { readonly up: number; readonly down: number } | undefined;
  readonly bytesToday: { readonly up: number; readonly down: number } | undefined;
  /** The policies that keep it from the internet now, as this router decides; exceptions and times are counted in. */
  readonly internetBlockedBy: readonly string[];
}

/** The devices, as {@link nodesView}, with what is known of them besides. */
export function devicesView(parts: Parts): DeviceView[] {
  const { history, vendorOf } = parts;
  const whereabouts = whereaboutsOf(parts);
  const midnight = history === undefined ? 0 : midnightHour(parts);
  const internetBlockedBy = internetBlocks(parts);
  return nodesView(parts, 'devices').map((node) => {
    const { router, places, bytes } = whereabouts(node.ids);
    const totals = node.ids.flatMap((id) => history?.total(id) ?? []);
    const [first] = node.ids
      .flatMap((id) => parts.cache.lifetime(id).first ?? [])
      .sort((x, y) => Number(y.trusted) - Number(x.trusted) || x.at - y.at);
    return {
      ...node,
      vendor: node.macs.flatMap((mac) => vendorOf?.(mac) ?? [])[0],
      router,
      places,
      firstSeen: first === undefined ? undefined : { at: isoTime(first.at), trusted: first.trusted },
      bytes,
      bytesHere: sumOf(totals.map(({ up, down }) => ({ up: up.bytes, down: down.bytes }))),
      bytesToday: sumOf(node.ids.flatMap((id) => history?.bytesSince(id, midnight) ?? [])),
      internetBlockedBy: internetBlockedBy(node.ids),
    };
  });
}

/** What keeps a device from the internet. Of a device that only other routers see, nothing is decided here unless a policy names it. */
function internetBlocks(parts: Parts): (ids: readonly NodeId[]) => readonly string[] {
  const { owners } = parts.blockSet();
  const ofHome = livePolicies(parts, 'block')
    .filter(
      (live) =>
        (live.record.a.kind === 'home' || live.record.a.kind === 'lan') &&
        live.record.b.kind === 'internet' &&
        parts.force(live).inForce,
    )
    .map(({ id }) => id);
  return (ids) => {
    const decided = ids.flatMap((id) => owners.get(id) ?? []);
    return decided.length === 0 ? ofHome : [...new Set(decided.flatMap(({ internet = [] }) => internet))];
  };
}

function sumOf(amounts: readonly { readonly up: number; readonly down: number }[]) {
  if (amounts.length === 0) return undefined;
  const sum = { up: 0, down: 0 };
  for (const { up, down } of amounts) {
    sum.up += up;
    sum.down += down;
  }
  return sum;
}

/**
 * The nodes that this router or, of persistent ones and devices, any router knows; one for each class, devices first.
 * @param top so many at most
 */
export function nodesView(parts: Parts, only: 'all' | 'devices', top = Infinity): NodeView[] {
  return showNodes(parts, parts.directory.nodes(only).slice(0, top));
}

/** Some of the nodes. `next`: where to go on, as `cursor`; it is not there when that was all. */
export interface NodesPageView {
  readonly nodes: readonly NodeView[];
  readonly next?: Cursor | undefined;
}

/** The nodes of {@link nodesView} page by page, in the order in which they came to be known; they may come and go meanwhile. */
export function nodesPageView(parts: Parts, roll: NodeRoll, { top, cursor }: PageRequest): NodesPageView {
  const { items, next } = roll.page(cursor, top);
  return {
    nodes: showNodes(
      parts,
      items.flatMap((id) => parts.directory.whole(id) ?? []),
    ),
    next,
  };
}

/** Nodes as people are shown them. */
export function showNodes(parts: Parts, nodes: readonly KnownNode[]): NodeView[] {
  const nameSegment = segmentNames(parts);
  const now = parts.clock.monotonic();
  const ignored = ignoredNodes(parts);
  const groups = groupsByNode(parts);
  return nodes.map((node) => {
    const seen = node.ids.flatMap((id) => parts.cache.lastSeen(id) ?? []).sort((x, y) => y - x)[0];
    return {
      id: node.id,
      ids: node.ids,
      label: labelOf(node),
      device: node.device,
      names: node.names,
      given: parts.directory.givenTo(node.id),
      groups: [...new Set(node.ids.flatMap((id) => groups.get(id) ?? []))],
      ignored: node.ids.some((id) => ignored.has(id)),
      macs: node.macs,
      randomisedMac: node.macs.some(isRandomised),
      addresses: node.addresses.map(({ address, segment }) => ({
        address,
        segment: nameSegment(segment),
      })),
      domains: node.domains,
      seenSecondsAgo: seen === undefined ? undefined : Math.round((now - seen) / 1000),
      references: referencesOf(parts, node.ids),
      alias: leastAlias(parts, node.ids),
    };
  });
}

/** Of nodes that became one the least goes on, as with SPIN; the others stand for the same node. */
function leastAlias({ aliases }: Parts, ids: readonly NodeId[]): number | undefined {
  return ids.flatMap((id) => aliases?.has(id) ?? []).sort((x, y) => x - y)[0];
}

function referencesOf({ references }: Parts, ids: readonly NodeId[]): ReferenceCounts {
  const sum: Partial<Record<ReferenceKind, number>> = {};
  for (const id of ids) {
    for (const [kind, count] of Object.entries(references?.of(id) ?? {}) as [ReferenceKind, number][])
      sum[kind] = (sum[kind] ?? 0) + count;
  }
  return sum;
}

function groupsByNode(parts: Parts): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { name, members } of parts.directory.groups().values()) {
    for (const id of new Set(members.flatMap(({ subject }) => idsOf(parts, subject))))
      groups.set(id, [...(groups.get(id) ?? []), name]);
  }
  return groups;
}

/** `attic/br-lan` for a person, where the segment names its router by key. */
function segmentNames({ replica, directory }: Parts): (segment: string | undefined) => string | undefined {
  const routers = new Map(
    replica.members().map(({ peer }) => [segmentRouter(peer), directory.routerName(peer)]),
  );
  return (segment) => {
    const [router = '', ...rest] = segment?.split('/') ?? [];
    const name = routers.get(router);
    return name === undefined || segment === undefined ? segment : [name, ...rest].join('/');
  };
}
