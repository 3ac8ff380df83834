import { describe, expect, it } from 'vitest';
import { freeOwner, type Owner, type Wanted } from '../../../src/policy/block-set.ts';
import { keptEntries, keptMap, keptOwner, keptSet } from '../../../src/policy/kept.ts';

const entries = (...of: [string, ...string[]][]): ReadonlyMap<string, Wanted> =>
  new Map(of.map(([key, ...wanted]) => [key, wanted]));

describe('what is the same stays the same object', () => {
  it.each([
    ['the same in another order', ['a', 'b'], ['b', 'a'], true],
    ['one more', ['a'], ['a', 'b'], false],
    ['one less', ['a', 'b'], ['a'], false],
    ['another', ['a'], ['b'], false],
    ['nothing', [], [], true],
  ])('a set: %s', (_, a, b, same) => {
    const [before, next] = [new Set(a), new Set(b)];
    expect(keptSet(before, next)).toBe(same ? before : next);
    expect(keptSet(undefined, next)).toBe(next);
  });

  it.each<[string, ReadonlyMap<string, Wanted>, ReadonlyMap<string, Wanted>, boolean]>([
    ['the same', entries(['a', 'r/0'], ['b', 'r/1']), entries(['b', 'r/1'], ['a', 'r/0']), true],
    ['one more', entries(['a', 'r/0']), entries(['a', 'r/0'], ['b', 'r/0']), false],
    ['one less', entries(['a', 'r/0'], ['b', 'r/0']), entries(['a', 'r/0']), false],
    ['another', entries(['a', 'r/0']), entries(['b', 'r/0']), false],
    ['wanted by another record', entries(['a', 'r/0']), entries(['a', 'r/1']), false],
    ['wanted by one record more', entries(['a', 'r/0']), entries(['a', 'r/0', 'r/1']), false],
  ])('entries: %s', (_, before, next, same) => {
    expect(keptEntries(before, next)).toBe(same ? before : next);
  });

  const owner = (over: Partial<Owner> = {}): Owner => ({
    ...freeOwner,
    id: '1',
    addresses: new Set(['192.168.1.20']),
    macs: new Set(['02:00:00:00:00:01']),
    remotes: entries(['203.0.113.7', 'r/0']),
    networks: entries(['203.0.113.0/24', 'r/1']),
    internet: ['r/2'],
    ...over,
  });

  it('an owner that is the same in everything', () => {
    const before = owner();
    expect(keptOwner(before, owner())).toBe(before);
  });

  it.each<[keyof Owner, Partial<Owner>]>([
    ['addresses', { addresses: new Set(['192.168.1.21']) }],
    ['macs', { macs: new Set() }],
    ['remotes', { remotes: entries(['203.0.113.8', 'r/0']) }],
    ['networks', { networks: entries(['203.0.112.0/24', 'r/1']) }],
    ['internet', { internet: undefined }],
    ['internet', { internet: ['r/9'] }],
    ['lan', { lan: ['r/2'] }],
    ['exceptions', { exceptions: entries(['203.0.113.9', 'r/3']) }],
    ['exceptedNetworks', { exceptedNetworks: entries(['203.0.113.0/28', 'r/3']) }],
  ])('of an owner with other %s all that is the same', (changed, over) => {
    const [before, next] = [owner(), owner(over)];
    const kept = keptOwner(before, next);
    expect(kept).toEqual(next);
    for (const key of ['addresses', 'macs', 'remotes', 'networks', 'internet'] as const)
      if (key !== changed) expect(kept[key], key).toBe(before[key]);
    expect(kept[changed]).not.toBe(before[changed]);
  });

  it('a map of the same objects', () => {
    const [x, y] = [{}, {}];
    const before = new Map([['x', x]]);
    expect(keptMap(before, new Map([['x', x]]))).toBe(before);
    for (const next of [new Map([['x', y]]), new Map([['y', x]]), new Map()])
      expect(keptMap<string, object>(before, next)).toBe(next);
  });
});
