import { type Family, familyOf } from './address.ts';
import type { Subject } from './records.ts';

/** How much a subject takes in, to tell exceptions from what they except. */
export interface Breadth {
  /** 3: a single node, domain or address. 2: a pattern. 1: a network or a group. 0: lan, internet, home. */
  readonly rank: number;
  /** Within a rank: labels of a pattern, bits of a prefix. */
  readonly detail: number;
  /** Prefixes of different families cannot be compared. */
  readonly family: Family | undefined;
}

/** "address, domain, node > pattern > network, group > lan, internet, home" (policy.md). */
export function breadthOf(subject: Subject): Breadth {
  switch (subject.kind) {
    case 'pattern':
      return { rank: 2, detail: subject.suffix.split('.').length, family: undefined };
    case 'network':
      return { rank: 1, detail: Number(subject.prefix.split('/')[1]), family: familyOf(subject.prefix) };
    case 'group':
      return { rank: 1, detail: 0, family: undefined };
    case 'home':
    case 'lan':
    case 'internet':
      return { rank: 0, detail: 0, family: undefined };
    default:
      return { rank: 3, detail: 0, family: undefined };
  }
}

/** Negative when `x` is narrower, positive when it is wider, 0 when neither is. */
export function compareBreadth(x: Breadth, y: Breadth): number {
  if (x.rank !== y.rank) return y.rank - x.rank;
  return x.family === y.family ? y.detail - x.detail : 0;
}
