import type { NodeId, RecordId } from '../../policy/block-set.ts';
import type { Live } from '../../policy/contents.ts';
import { domainNodeId } from '../../policy/identity.ts';
import { nodeOf } from '../../policy/lift.ts';
import type { Subject } from '../../policy/records.ts';
import type { LivePolicy } from '../commands/standing.ts';
import type { Parts } from '../parts.ts';

/** One side of a policy. */
export interface BriefSide {
  readonly subject: Subject;
  /** The id of the node that it names; undefined where it is not one node. */
  readonly node: NodeId | undefined;
}

/** A live policy as programs take it that look often: what it is about, and nothing that has to be worked out. */
export interface PolicyBrief {
  readonly id: RecordId;
  readonly kind: 'block' | 'allow' | 'ignore';
  /** What is ignored; otherwise the near side. */
  readonly a: BriefSide;
  /** `home` for what is ignored. */
  readonly b: BriefSide;
  /** Its terms hold now, by this router's clock. What is ignored is so always. */
  readonly inForce: boolean;
}

/** Every block, allow and ignore, in no order. */
export function briefPoliciesView(parts: Parts): PolicyBrief[] {
  const { crypto, replica } = parts;
  const side = (subject: Subject): BriefSide => {
    const node = nodeOf(subject, (domain) => domainNodeId(crypto, replica.home, domain));
    return { subject, node };
  };
  const home = side({ kind: 'home' });
  return Array.from(replica.live.values()).flatMap((live): PolicyBrief[] => {
    const { id, record } = live;
    if (record.kind === 'ignore')
      return [{ id, kind: record.kind, a: side(record.node), b: home, inForce: true }];
    if (!isPolicy(live)) return [];
    const { kind, a, b } = live.record;
    return [{ id, kind, a: side(a), b: side(b), inForce: parts.force(live).inForce }];
  });
}

function isPolicy(live: Live): live is LivePolicy {
  return live.record.kind === 'block' || live.record.kind === 'allow';
}
