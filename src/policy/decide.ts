import type { BlockSet, Mac, NodeId, RecordId } from './block-set.ts';
import { Classes, type Edges } from './classes.ts';
import { type Circumstances, Decision } from './decision.ts';
import type { Descriptor } from './descriptor.ts';
import type { Record } from './records.ts';
import { Sightings } from './sightings.ts';

/** Everything that decides what this router blocks now. */
export interface Situation extends Circumstances {
  /** The policies that are in force. */
  readonly live: Iterable<{ readonly id: RecordId; readonly record: Record }>;
  /** What ties nodes together and puts them into groups; without it nothing does. */
  readonly edges?: Edges;
  readonly idOfDomain?: (domain: string) => NodeId;
  /** What this router and the registers of the members know; the same node may come several times. */
  readonly descriptors: Iterable<Descriptor>;
  /** The segments of this router: private addresses of any other mean nothing here. */
  readonly segments: ReadonlySet<string>;
  /** MACs of routers and next hops, which are never devices. */
  readonly routerMacs: ReadonlySet<Mac>;
}

/** From what is wanted and what is seen to what the kernel should block, from nothing. Pure. */
export function decide(situation: Situation): BlockSet {
  const { live, edges = new Map(), idOfDomain = (domain) => domain, descriptors } = situation;
  const sightings = new Sightings(situation);
  let source = 0;
  for (const descriptor of descriptors) sightings.put(String(source++), descriptor.node, descriptor);
  const scene = { sightings, edges, classes: new Classes(edges, sightings), idOfDomain };
  return new Decision().next([...live], scene, situation);
}
