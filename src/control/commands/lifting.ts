import type { NodeId } from '../../policy/block-set.ts';
import { domainNodeId } from '../../policy/identity.ts';
import { lift, nodeOf } from '../../policy/lift.ts';
import type { BlockRecord, Subject } from '../../policy/records.ts';
import type { Step } from '../author.ts';
import type { Parts } from '../parts.ts';
import { idsOf, type LivePolicy, livePolicies } from './standing.ts';

interface Pair {
  readonly a: Subject;
  readonly b: Subject;
}

/** The live blocks that cover a pair of nodes because they were one with what is named when the block was made. */
export function coveringBlocks(parts: Parts, pair: Pair): LivePolicy[] {
  return livePolicies(parts, 'block').filter(({ record }) => {
    if (record.kind !== 'block') return false;
    const is = (side: Subject, wanted: Subject) =>
      JSON.stringify(side) === JSON.stringify(wanted) || meets(parts, record, side, idsOf(parts, wanted));
    return (is(record.a, pair.a) && is(record.b, pair.b)) || (is(record.a, pair.b) && is(record.b, pair.a));
  });
}

/** What lifting these policies for a pair writes: of a block that covers more than was meant, the rest goes on. */
export function liftingSteps(parts: Parts, found: readonly LivePolicy[], pairs: readonly Pair[]): Step[] {
  const [first] = pairs;
  const ids = idOfDomain(parts);
  return found.map(({ id, record }) => {
    if (record.kind !== 'block' || first === undefined) return { over: [id], add: [] };
    const side = (subject: Subject): ReadonlySet<NodeId> | undefined => {
      const meant = pairs
        .flatMap((pair) => [pair.a, pair.b])
        .map((wanted) => idsOf(parts, wanted))
        .find((nodes) => nodes.length > 0 && meets(parts, record, subject, nodes));
      return meant === undefined ? undefined : new Set(meant);
    };
    return lift({ id, record }, { a: side(record.a), b: side(record.b) }, parts.identity(), ids);
  });
}

function meets(parts: Parts, { apart }: BlockRecord, side: Subject, wanted: readonly NodeId[]): boolean {
  const node = nodeOf(side, idOfDomain(parts));
  if (node === undefined) return false;
  const covered = parts.identity().covered(node, apart);
  return wanted.some((id) => covered.has(id));
}

function idOfDomain({ crypto, replica }: Parts): (domain: string) => NodeId {
  return (domain) => domainNodeId(crypto, replica.home, domain);
}
