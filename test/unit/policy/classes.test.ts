import { describe, expect, it } from 'vitest';
import { Classes } from '../../../src/policy/classes.ts';
import type { Descriptor } from '../../../src/policy/descriptor.ts';
import type { Record } from '../../../src/policy/records.ts';
import { Sightings } from '../../../src/policy/sightings.ts';

const remote = (node: string, addresses: string[], domains: string[] = []): Descriptor => ({
  node,
  device: false,
  macs: [],
  addresses: addresses.map((address) => ({ address })),
  domains,
  names: [],
});
const device = (node: string, macs: string[], addresses: string[] = []): Descriptor => ({
  node,
  device: true,
  macs,
  addresses: addresses.map((address) => ({ address, segment: 'here' })),
  domains: [],
  names: [],
});
const same = (x: string, y: string): Record => ({ kind: 'same', x, y });
const distinct = (x: string, y: string): Record => ({ kind: 'distinct', x, y });

function classes(
  seen: readonly Descriptor[],
  live: readonly Record[] = [],
  retired: readonly Record[] = [],
  alsoAnswered: (address: string) => string[] = () => [],
) {
  const sightings = new Sightings({ segments: new Set(['here']), routerMacs: new Set(), alsoAnswered });
  for (const one of seen) sightings.put('us', one.node, one);
  const edges = new Map();
  for (const [n, record] of live.entries()) edges.set(`live${n}`, { record, live: true });
  for (const [n, record] of retired.entries()) edges.set(`gone${n}`, { record, live: false });
  return { sightings, classes: new Classes(edges, sightings) };
}
const sorted = (ids: Iterable<string>) => [...ids].sort();

describe('what observation ties together', () => {
  const video = remote('video', ['203.0.113.7', '203.0.113.8'], ['video.example']);
  const bare = remote('bare', ['203.0.113.7']);

  it('is a bare address and the name that answered with it', () => {
    const { classes: of } = classes([video, bare]);
    expect(sorted(of.shown('bare'))).toEqual(['bare', 'video']);
    expect(sorted(of.shown('video'))).toEqual(['bare', 'video']);
  });

  it('is nothing once an address answers for two owners, whoever noticed', () => {
    const ads = remote('ads', ['203.0.113.7'], ['ads.example']);
    expect(sorted(classes([video, bare, ads]).classes.shown('bare'))).toEqual(['bare']);
    const heard = classes([video, bare], [], [], () => ['ads.example']);
    expect(sorted(heard.classes.shown('bare'))).toEqual(['bare']);
  });

  it('is never two names: of several with one owner the address goes with the least', () => {
    const www = remote('www', ['203.0.113.7'], ['a.video.example']);
    const { classes: of } = classes([video, www, bare]);
    expect(sorted(of.shown('bare'))).toEqual(['bare', 'www']);
    expect(sorted(of.shown('video'))).toEqual(['video']);
  });

  it('is not what a cloud rents out: two customers of one are two owners', () => {
    const one = remote('one', ['203.0.113.7'], ['one.github.io']);
    const two = remote('two', ['203.0.113.7'], ['two.github.io']);
    expect(sorted(classes([one, two, bare]).classes.shown('bare'))).toEqual(['bare']);
  });

  it('is a MAC that no phone has made up', () => {
    const universal = [device('a', ['00:00:5e:00:53:01']), device('b', ['00:00:5e:00:53:01'])];
    expect(sorted(classes(universal).classes.shown('a'))).toEqual(['a', 'b']);
    const made = [device('a', ['02:00:5e:00:53:01']), device('b', ['02:00:5e:00:53:01'])];
    expect(sorted(classes(made).classes.shown('a'))).toEqual(['a']);
  });

  it('is never a shared address', () => {
    const shared = [
      device('a', ['02:00:00:00:00:01'], ['192.168.1.9']),
      device('b', ['02:00:00:00:00:02'], ['192.168.1.9']),
    ];
    expect(sorted(classes(shared).classes.shown('a'))).toEqual(['a']);
  });

  it('is suppressed by a person who says that the two are distinct', () => {
    const { classes: of } = classes([video, bare], [distinct('bare', 'video')]);
    expect(sorted(of.shown('bare'))).toEqual(['bare']);
    // A block whose author did not know of that holds on to it.
    expect(sorted(of.covered('bare', []))).toEqual(['bare', 'video']);
    expect(sorted(of.covered('bare', ['live0']))).toEqual(['bare']);
  });
});

describe('what people tie together', () => {
  it('is shown while it holds, and covered for good by blocks whose authors did not know of a split', () => {
    const { classes: of } = classes([], [same('a', 'b')], [same('b', 'c')]);
    expect(sorted(of.shown('a'))).toEqual(['a', 'b']);
    expect(sorted(of.covered('a', []))).toEqual(['a', 'b', 'c']);
    expect(sorted(of.covered('a', ['gone0']))).toEqual(['a', 'b']);
    // What is live cannot be given up by naming it.
    expect(sorted(of.covered('a', ['live0', 'unheard/0']))).toEqual(['a', 'b', 'c']);
  });

  it('tells an author what is taken apart around a node, and nothing else', () => {
    const { classes: of } = classes(
      [],
      [same('a', 'b'), distinct('c', 'd'), distinct('y', 'z')],
      [same('b', 'c'), same('x', 'y'), distinct('a', 'b')],
    );
    expect(of.apartAround('a')).toEqual(['live1', 'gone0']);
    expect(of.apartAround('x')).toEqual(['live2', 'gone1']);
  });

  it('ends with any ring', () => {
    const { classes: of } = classes([], [same('a', 'b'), same('b', 'c'), same('c', 'a'), same('a', 'a')]);
    expect(sorted(of.shown('c'))).toEqual(['a', 'b', 'c']);
  });
});

describe('sightings', () => {
  it('touch what a change of an address is about', () => {
    const { sightings } = classes([remote('bare', ['203.0.113.7'])]);
    sightings.takeTouched();
    sightings.put('them', 'video', remote('video', ['203.0.113.7'], ['video.example']));
    expect(sorted(sightings.takeTouched())).toEqual(['bare', 'video']);
    sightings.put('them', 'video', undefined);
    expect(sorted(sightings.takeTouched())).toEqual(['bare', 'video']);
    expect(sightings.takeTouched().size).toBe(0);
    expect(sightings.domainOf('203.0.113.7')).toBeUndefined();
  });

  it('are the sum of what several say, and end with the last of them', () => {
    const { sightings } = classes([]);
    sightings.put('us', 'v', remote('v', ['203.0.113.7'], ['video.example']));
    sightings.put('them', 'v', remote('v', ['203.0.113.8'], ['video.example']));
    expect(sorted(sightings.addresses('v'))).toEqual(['203.0.113.7', '203.0.113.8']);
    sightings.put('us', 'v', undefined);
    expect(sorted(sightings.addresses('v'))).toEqual(['203.0.113.8']);
    expect(sorted(sightings.under('example'))).toEqual(['v']);
    sightings.put('them', 'v', undefined);
    expect(sightings.node('v')).toBeUndefined();
    expect(sorted(sightings.under('example'))).toEqual([]);
    expect(sorted(sightings.withDomain('video.example'))).toEqual([]);
  });

  it('match patterns label by label', () => {
    const { sightings } = classes([
      remote('apex', [], ['ads.example']),
      remote('sub', [], ['x.y.ads.example']),
      remote('other', [], ['bads.example']),
    ]);
    expect(sorted(sightings.under('ads.example'))).toEqual(['apex', 'sub']);
    sightings.put('us', 'late', remote('late', [], ['late.ads.example']));
    expect(sorted(sightings.under('ads.example'))).toEqual(['apex', 'late', 'sub']);
  });
});
