import fc from 'fast-check';
import type { Drop, Flow, Sighting } from '../../src/local/flows/flow.ts';

/** News of flows between few nodes, so that they meet. */

const counts = fc.record({ packets: fc.nat(3), bytes: fc.nat(9_000) });
export const device = fc.constantFrom('d1', 'd2', 'd3', 'd4');
export const remote = fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5', 'r6');
const ends = fc.oneof(
  fc.record({ device, other: remote, otherIsDevice: fc.constant(false) }),
  fc
    .uniqueArray(device, { minLength: 2, maxLength: 2 })
    .map(([one = '', two = '']) => ({ device: one, other: two, otherIsDevice: true })),
);
export const sighting: fc.Arbitrary<Sighting> = fc
  .record({
    ends,
    protocol: fc.constantFrom(1, 6, 17, 255),
    port: fc.constantFrom(0, 1, 443, 65_535),
    up: fc.option(counts, { nil: undefined }),
    down: fc.option(counts, { nil: undefined }),
    entries: fc.constantFrom(-1 as const, 0 as const, 1 as const),
    offloaded: fc.boolean(),
  })
  .map(({ ends: both, ...rest }) => ({ ...both, ...rest }));
export const drop: fc.Arbitrary<Drop> = fc
  .record({ ends, packets: fc.integer({ min: 1, max: 9 }), bytes: fc.nat(900) })
  .map(({ ends: both, ...rest }) => ({ ...both, ...rest }));

/** Which flow it is, whichever end is named first. */
export function nameOf({ device: one, other, protocol, port }: Flow | Sighting): string {
  return `${[one, other].sort().join(' ')} ${protocol} ${port}`;
}

export const sorted = <F extends Flow>(flows: Iterable<F>): F[] =>
  [...flows].sort((x, y) => (nameOf(x) < nameOf(y) ? -1 : 1));
