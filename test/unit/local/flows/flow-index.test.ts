import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FlowIndex } from '../../../../src/local/flows/flow-index.ts';

/** Keys by slot, written plainly. */
class Keys {
  readonly all: (readonly [device: number, other: number, service: number])[] = [];
  device = (slot: number) => this.all[slot]?.[0] ?? -1;
  other = (slot: number) => this.all[slot]?.[1] ?? -1;
  service = (slot: number) => this.all[slot]?.[2] ?? -1;
}

function made() {
  const keys = new Keys();
  return { keys, index: new FlowIndex(keys, keys, 7) };
}

test('a flow is found from both of its ends, and only with its service', () => {
  const { keys, index } = made();
  keys.all[0] = [3, 9, 443];
  index.add(0);
  expect(index.find(3, 9, 443)).toBe(0);
  expect(index.find(9, 3, 443)).toBe(0);
  expect(index.find(3, 9, 80)).toBe(-1);
  expect(index.find(3, 3, 443)).toBe(-1);
});

test('however flows come and go, each is found in its slot, and none that has gone', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(13), fc.nat(9)), { maxLength: 600 }), (steps) => {
      const { keys, index } = made();
      const held = new Map<string, number>();
      const free: number[] = [];
      for (const [one, service] of steps) {
        const key = [one, 14 + (service % 3), service] as const;
        const name = key.join(' ');
        const slot = held.get(name);
        expect(index.find(...key)).toBe(slot ?? -1);
        if (slot === undefined) {
          const next = free.pop() ?? keys.all.length;
          keys.all[next] = key;
          index.add(next);
          held.set(name, next);
        } else {
          index.remove(slot);
          keys.all[slot] = [-1, -1, -1];
          held.delete(name);
          free.push(slot);
        }
      }
      for (let one = 0; one <= 13; one++)
        for (let service = 0; service <= 9; service++) {
          const key = [one, 14 + (service % 3), service] as const;
          expect(index.find(...key)).toBe(held.get(key.join(' ')) ?? -1);
        }
    }),
  );
});

test('many: neighbouring numbers do not crowd', () => {
  const { keys, index } = made();
  for (let slot = 0; slot < 20_000; slot++) {
    keys.all[slot] = [slot % 50, 50 + Math.floor(slot / 50), 6 * 65_536 + 443];
    index.add(slot);
  }
  for (let slot = 0; slot < 20_000; slot += 2) index.remove(slot);
  let asked = 0;
  const { device } = keys;
  keys.device = (slot) => {
    asked += 1;
    return device(slot);
  };
  for (let slot = 1; slot < 20_000; slot += 2) {
    const [one, other, service] = keys.all[slot] ?? [0, 0, 0];
    expect(index.find(one, other, service)).toBe(slot);
  }
  expect(asked).toBeLessThan(20_000);
});
