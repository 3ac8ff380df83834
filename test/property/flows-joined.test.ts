import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Flow } from '../../src/local/flows/flow.ts';
import { joinFlows } from '../../src/local/flows/joined.ts';
import { nameOf, sighting, sorted } from './flow-news.ts';

describe('flows read through classes', () => {
  const ids = ['d1', 'd2', 'd3', 'd4', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6'];
  const flow: fc.Arbitrary<Flow> = fc
    .record({
      news: sighting,
      partial: fc.boolean(),
      firstSeen: fc.nat(3),
      lastSeen: fc.nat(9),
      entries: fc.nat(3),
      blocked: fc.option(fc.record({ packets: fc.nat(9), bytes: fc.nat(900), lastSeen: fc.nat(9) }), {
        nil: undefined,
      }),
    })
    .map(({ news, ...rest }) => ({ ...news, ...rest }));
  const flows = fc.uniqueArray(flow, { maxLength: 40, selector: nameOf });
  const ties = fc.array(fc.tuple(fc.constantFrom(...ids), fc.constantFrom(...ids)), { maxLength: 6 });

  /** The classes that ties make, in the order in which they come. */
  function classes(all: readonly (readonly [string, string])[]): (id: string) => Set<string> {
    const of = new Map(ids.map((id) => [id, new Set([id])]));
    for (const [x, y] of all) {
      const both = new Set([...(of.get(x) ?? []), ...(of.get(y) ?? [])]);
      for (const id of both) of.set(id, both);
    }
    return (id) => of.get(id) ?? new Set([id]);
  }

  const total = (all: readonly Flow[]) => {
    const sums = { packets: 0, bytes: 0, entries: 0, blocked: 0 };
    for (const { up, down, entries, blocked } of all) {
      sums.packets += (up?.packets ?? 0) + (down?.packets ?? 0);
      sums.bytes += (up?.bytes ?? 0) + (down?.bytes ?? 0);
      sums.entries += entries;
      sums.blocked += blocked?.packets ?? 0;
    }
    return sums;
  };

  test('sums are preserved, each end sent and got what its ids did, and a pair is listed once', () => {
    fc.assert(
      fc.property(flows, ties, (all, tied) => {
        const classOf = classes(tied);
        const joined = joinFlows(all, classOf);
        expect(total(joined)).toEqual(total(all));
        expect(new Set(joined.map(nameOf)).size).toBe(joined.length);
        for (const one of joined) {
          if (one.device === one.other) continue;
          const its = all.filter(
            (flow) => classOf(flow.device).has(one.device) && classOf(flow.other).has(one.other),
          );
          const back = all.filter(
            (flow) => classOf(flow.device).has(one.other) && classOf(flow.other).has(one.device),
          );
          const same = (flow: Flow) => flow.protocol === one.protocol && flow.port === one.port;
          expect(one.otherIsDevice).toBe(
            its.filter(same).some((flow) => flow.otherIsDevice) || back.some(same),
          );
        }
        const sent = (of: readonly Flow[], id: string) =>
          of.reduce(
            (sum, one) =>
              sum +
              (classOf(one.device).has(id) ? (one.up?.bytes ?? 0) : 0) +
              (classOf(one.other).has(id) ? (one.down?.bytes ?? 0) : 0),
            0,
          );
        for (const id of ids) expect(sent(joined, id)).toBe(sent(all, id));
        expect(joined.some(({ blocked }) => blocked !== undefined)).toBe(
          all.some(({ blocked }) => blocked !== undefined),
        );
      }),
    );
  });

  test('neither the order of the merges nor that of the flows matters', () => {
    fc.assert(
      fc.property(flows, ties, fc.infiniteStream(fc.nat()), (all, tied, random) => {
        const shuffled = <T>(items: readonly T[]) =>
          items
            .map((item) => ({ item, at: random.next().value ?? 0 }))
            .sort((x, y) => x.at - y.at)
            .map(({ item }) => item);
        const other = joinFlows(shuffled(all), classes(shuffled(tied).map(([x, y]) => [y, x])));
        expect(sorted(other)).toEqual(sorted(joinFlows(all, classes(tied))));
      }),
    );
  });

  test('joining what is joined changes nothing, and a split undoes a merge', () => {
    fc.assert(
      fc.property(flows, ties, (all, tied) => {
        const joined = joinFlows(all, classes(tied));
        expect(joinFlows(joined, classes(tied))).toEqual(joined);
        expect(joinFlows(all, classes([]))).toEqual(all);
      }),
    );
  });
});
