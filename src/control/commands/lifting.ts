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
  const covered = coverOf(parts);
  const sameAs = (wanted: Subject) => {
    const [text, ids] = [JSON.stringify(wanted), idsOf(parts, wanted)];
    const isSame = (side: Subject) =>
      'id' in side && 'id' in wanted ? side.id === wanted.id : JSON.stringify(side) === text;
    return (record: BlockRecord, side: Subject) =>
      (side.kind === wanted.kind && isSame(side)) || meets(covered(record, side), ids);
  };
  const [isA, isB] = [sameAs(pair.a), sameAs(pair.b)];
  return livePolicies(
    parts,
    'block',
    ({ record }) =>
      record.kind === 'block' &&
      ((isA(record, record.a) && isB(record, record.b)) || (isB(record, record.a) && isA(record, record.b))),
  );
}

/** What lifting these policies for a pair writes: of a block that covers more than was meant, the rest goes on. */
export function liftingSteps(parts: Parts, found: readonly LivePolicy[], pairs: readonly Pair[]): Step[] {
  const [first] = pairs;
  const ids = idOfDomain(parts);
  const covered = coverOf(parts);
  return found.map(({ id, record }) => {
    if (record.kind !== 'block' || first === undefined) return { over: [id], add: [] };
    const side = (subject: Subject): ReadonlySet<NodeId> | undefined => {
      const meant = pairs
        .flatMap((pair) => [pair.a, pair.b])
        .map((wanted) => idsOf(parts, wanted))
        .find((nodes) => nodes.length > 0 && meets(covered(record, subject), nodes));
      return meant === undefined ? undefined : new Set(meant);
    };
    return lift({ id, record }, { a: side(record.a), b: side(record.b) }, parts.identity(), ids);
  });
}

/**
 * The nodes that a side of a block covers; undefined when it names none. For one command: blocks share their devices, and what
 * one covers of which nobody took anything apart is worked out once.
 */
function coverOf(parts: Parts): (record: BlockRecord, side: Subject) => ReadonlySet<NodeId> | undefined {
  const classes = parts.identity();
  const ids = idOfDomain(parts);
  const whole = new Map<NodeId, ReadonlySet<NodeId>>();
  return ({ apart }, side) => {
    const node = nodeOf(side, ids);
    if (node === undefined) return undefined;
    if (apart.length > 0) return classes.covered(node, apart);
    const known = whole.get(node) ?? classes.covered(node, apart);
    whole.set(node, known);
    return known;
  };
}

function meets(covered: ReadonlySet<NodeId> | undefined, wanted: readonly NodeId[]): boolean {
  return covered !== undefined && wanted.some((id) => covered.has(id));
}

function idOfDomain({ crypto, replica }: Parts): (domain: string) => NodeId {
  return (domain) => domainNodeId(crypto, replica.home, domain);
}
