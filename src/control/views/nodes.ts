import { segmentRouter } from '../../p2p/card.ts';
import { ignoredNodes } from '../commands/ignore.ts';
import { idsOf } from '../commands/standing.ts';
import { labelOf } from '../known-node.ts';
import type { Parts } from '../parts.ts';

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
}

/** The nodes that this router or, of persistent ones, any router knows; one for each class. */
export function nodesView(parts: Parts, only: 'all' | 'devices'): NodeView[] {
  const now = parts.clock.monotonic();
  const ignored = ignoredNodes(parts);
  const groups = groupsByNode(parts);
  return parts.directory.nodes(only).map((node) => {
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
      randomisedMac: node.macs.some((mac) => (Number.parseInt(mac.slice(0, 2), 16) & 2) === 2),
      addresses: node.addresses.map(({ address, segment }) => ({
        address,
        segment: nameSegment(parts, segment),
      })),
      domains: node.domains,
      seenSecondsAgo: seen === undefined ? undefined : Math.round((now - seen) / 1000),
    };
  });
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
function nameSegment(parts: Parts, segment: string | undefined): string | undefined {
  const [router = '', ...rest] = segment?.split('/') ?? [];
  const member = parts.replica
    .members()
    .find(({ peer }) => segment !== undefined && segmentRouter(peer) === router);
  return member === undefined ? segment : [parts.directory.routerName(member.peer), ...rest].join('/');
}
