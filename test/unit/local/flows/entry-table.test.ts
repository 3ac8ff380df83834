import { expect, test } from 'vitest';
import { EntryTable, LIVE, SPENT } from '../../../../src/local/flows/entry-table.ts';

/** A small generator of the same numbers in every run (Numerical Recipes). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}

test('slots are found, freed and used again, against a Map', () => {
  const table = new EntryTable();
  const model = new Map<string, number>();
  const next = numbers(7);
  let wrong = 0;
  for (let round = 0; round < 20_000; round++) {
    // Few values on purpose: keys meet in one half, and lie in runs.
    const key = { high: ((next() >>> 8) % 97) | 0, low: -((next() >>> 8) % 61) };
    const name = `${key.high} ${key.low}`;
    const slot = table.find(key);
    if (slot !== (model.get(name) ?? -1)) wrong += 1;
    if (slot >= 0) {
      if (table.packets[slot] !== key.high) wrong += 1;
      table.remove(slot);
      model.delete(name);
      continue;
    }
    const added = table.add(key);
    expect([table.packets[added], table.is(added, SPENT), table.endsAt(added)]).toEqual([
      0,
      false,
      undefined,
    ]);
    table.packets[added] = key.high;
    table.state[added] = LIVE;
    table.mark(added, SPENT);
    model.set(name, added);
  }
  expect(wrong).toBe(0);
  expect(table.size).toBe(model.size);
  expect(table.top).toBeLessThan(6_000);
});

test('whose an entry is', () => {
  const table = new EntryTable();
  const slot = table.add({ high: 1, low: 2 });
  const ends = { device: 'tv', other: 'net', otherIsDevice: true, port: 65_535, outward: true };
  table.setEnds(slot, ends);
  expect(table.endsAt(slot)).toEqual(ends);
  table.setEnds(slot, { ...ends, outward: false });
  expect(table.endsAt(slot)).toEqual({ ...ends, outward: false });
});

test('many entries: everything moves along when the table grows', () => {
  const table = new EntryTable();
  const keyOf = (n: number) => ({ high: Math.imul(n, 0x9e3779b1), low: n });
  for (let n = 0; n < 50_000; n++) {
    const slot = table.add(keyOf(n));
    table.bytes[slot] = n;
  }
  let wrong = 0;
  for (let n = 0; n < 50_000; n++) if (table.bytes[table.find(keyOf(n))] !== n) wrong += 1;
  expect(wrong).toBe(0);
});
