import { describe, expect, it } from 'vitest';
import { Classes } from '../../../src/policy/classes.ts';
import { isRandomised, proposalsFor } from '../../../src/policy/proposals.ts';
import type { Record } from '../../../src/policy/records.ts';
import { Sightings } from '../../../src/policy/sightings.ts';

const FIXED = '00:00:5e:00:53:01';
const MADE = '02:00:5e:00:53:02';
const of = (records: readonly Record[] = []) =>
  new Classes(
    new Map(
      records.flatMap((record, n) => (record.kind === 'same' ? [[`s${n}`, { record, live: true }]] : [])),
    ),
    new Sightings({ segments: new Set(), routerMacs: new Set() }),
  );
const phone = (id: string, mac: string, names: string[]) => ({ id, macs: [mac], names });

describe('proposals', () => {
  it('come with their evidence, for a made-up MAC and a name that both use', () => {
    const found = proposalsFor(
      [phone('a', FIXED, ['Adas-Phone']), phone('b', MADE, ['adas-phone']), phone('c', MADE, ['tablet'])],
      of(),
      () => false,
    );
    expect(found).toEqual([
      { x: 'a', y: 'b', evidence: ['both call themselves "adas-phone"', 'one has a made-up MAC'] },
    ]);
    expect([isRandomised(MADE), isRandomised(FIXED)]).toEqual([true, false]);
  });

  it('are not made of names that say nothing, of what is one already, or of what a person keeps apart', () => {
    const both = [phone('a', MADE, ['phone-of-ada']), phone('b', MADE, ['phone-of-ada'])];
    expect(proposalsFor(both, of([{ kind: 'same', x: 'a', y: 'b' }]), () => false)).toEqual([]);
    expect(proposalsFor(both, of(), () => true)).toEqual([]);
    const generic = [phone('a', MADE, ['iPhone']), phone('b', MADE, ['iPhone'])];
    expect(proposalsFor(generic, of(), () => false)).toEqual([]);
  });

  it('are bounded', () => {
    const many = Array.from({ length: 60 }, (_, n) => phone(`p${n}`, MADE, ['kiosk']));
    expect(proposalsFor(many, of(), () => false)).toHaveLength(100);
  });
});
