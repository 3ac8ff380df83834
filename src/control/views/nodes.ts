import { segmentRouter } from '../../p2p/card.ts';
import { labelOf } from '../directory.ts';
import type { Parts } from '../parts.ts';

/** One node as a person is shown it. */
export interface NodeView {
  readonly id: string;
  readonly label: string;
  readonly device: boolean;
  readonly names: readonly string[];
  readonly macs: readonly string[];
  /** True when the MAC is a locally administered one, as phones make them up. */
  readonly randomisedMac: boolean;
  readonly addresses: readonly { address: string; segment: string | undefined }[];
  readonly domains: readonly string[];
  /** Seconds since this router saw it; undefined when only others did. */
  readonly seenSecondsAgo: number | undefined;
}

export function nodesView(parts: Parts, only: 'all' | 'devices'): NodeView[] {
  const now = parts.clock.monotonic();
  return parts.directory
    .nodes()
    .filter((node) => only === 'all' || node.device)
    .map((node) => {
      const seen = parts.cache.lastSeen(node.id);
      return {
        id: node.id,
        label: labelOf(node),
        device: node.device,
        names: node.names,
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

/** `attic/br-lan` for a person, where the segment names its router by key. */
function nameSegment(parts: Parts, segment: string | undefined): string | undefined {
  const [router = '', ...rest] = segment?.split('/') ?? [];
  const member = parts.replica
    .members()
    .find(({ peer }) => segment !== undefined && segmentRouter(peer) === router);
  return member === undefined ? segment : [parts.directory.routerName(member.peer), ...rest].join('/');
}
