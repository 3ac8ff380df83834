import { breadthOf, compareBreadth } from '../../policy/breadth.ts';
import type { Subject } from '../../policy/records.ts';
import type { Parts } from '../parts.ts';
import { type LivePolicy, livePolicies, type PolicyKind, samePair } from './standing.ts';

/** Those of the allows in force that except all or a part of what a block is about: narrower ones inside it. */
export function exceptionsTo(
  parts: Parts,
  block: LivePolicy,
  allows: readonly LivePolicy[] = livePolicies(parts, 'allow'),
): LivePolicy[] {
  return allows.filter(
    (allow) =>
      isNarrower(allow.record, block.record) &&
      isInside(parts, allow.record, block.record) &&
      parts.force(allow).inForce,
  );
}

/** The wider policies of one kind that hold for a pair: of a group with it, of the whole home. */
export function widerPolicies(
  parts: Parts,
  kind: PolicyKind,
  pair: { readonly a: Subject; readonly b: Subject },
): LivePolicy[] {
  return livePolicies(parts, kind).filter(
    ({ record }) => !samePair(record, pair) && isInside(parts, pair, record),
  );
}

interface Sides {
  readonly a: Subject;
  readonly b: Subject;
}

function isNarrower(inner: Sides, outer: Sides): boolean {
  const order =
    compareBreadth(breadthOf(inner.b), breadthOf(outer.b)) ||
    compareBreadth(breadthOf(inner.a), breadthOf(outer.a));
  return order < 0;
}

function isInside(parts: Parts, inner: Sides, outer: Sides): boolean {
  return isPartOf(parts, inner.a, outer.a) && isPartOf(parts, inner.b, outer.b);
}

/** Whether a subject lies inside another, as far as words tell: the same node, a member, a name under a pattern. */
function isPartOf(parts: Parts, inner: Subject, outer: Subject): boolean {
  if (samePair({ a: inner, b: inner }, { a: outer, b: outer })) return true;
  switch (outer.kind) {
    case 'home':
    case 'lan':
      return inner.kind === 'device' || inner.kind === 'group';
    case 'internet':
      return !['device', 'home', 'lan', 'router'].includes(inner.kind);
    case 'group': {
      const members = parts.directory.groups().get(outer.group)?.members ?? [];
      return members.some(({ subject }) => subject.kind !== 'group' && isPartOf(parts, inner, subject));
    }
    case 'pattern':
      return (
        inner.kind === 'domain' &&
        (inner.domain === outer.suffix || inner.domain.endsWith(`.${outer.suffix}`))
      );
    case 'device':
    case 'remote':
      return 'id' in inner && parts.classOf(outer.id).includes(inner.id);
    default:
      return false;
  }
}
