import { expect, test } from 'vitest';
import { lacking, Union } from '../../../../src/local/enforce/union.ts';

/** Counts how often it is gone through and asked. */
class Watched extends Set<string> {
  walks = 0;
  questions = 0;

  override [Symbol.iterator](): SetIterator<string> {
    this.walks += 1;
    return super[Symbol.iterator]();
  }

  override has(one: string): boolean {
    this.questions += 1;
    return super.has(one);
  }
}

const many = (of: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${of}${n}`);

test('parts that two unions have in common are not gone through, and asked for what is new alone', () => {
  const common = Array.from({ length: 20 }, (_, n) => new Watched(many(`p${n} `, 100)));
  const before = new Watched(many('x', 100));
  const after = new Watched([...many('x', 100), 'y']);
  for (const one of [...common, before, after]) one.walks = 0;
  const [was, is] = [new Union([...common, before]), new Union([...common, after])];
  expect([...lacking(is, was)]).toEqual(['y']);
  expect([...lacking(was, is)]).toEqual([]);
  for (const one of common) {
    expect(one.walks).toBe(0);
    expect(one.questions).toBe(1);
  }
});

test('whether a union is empty is known without going through it', () => {
  const part = new Watched(['a', 'b']);
  expect(new Union([part]).isEmpty).toBe(false);
  expect(new Union([new Set(), new Set()]).isEmpty).toBe(true);
  expect([part.walks, part.questions]).toEqual([0, 0]);
});

test('a union of the same parts is not looked into', () => {
  const part = new Watched(['a', 'b']);
  expect(lacking(new Union([part]), new Union([part])).size).toBe(0);
  expect(lacking(part, part).size).toBe(0);
  expect([part.walks, part.questions]).toEqual([0, 0]);
});

test('where everything changed no part is asked for everything: one set is made of all', () => {
  const [before, after] = ['a', 'b'].map((of) =>
    Array.from({ length: 30 }, (_, n) => new Watched(many(`${of}${n} `, 50))),
  ) as [Watched[], Watched[]];
  for (const one of [...before, ...after]) one.walks = 0;
  expect(lacking(new Union(after), new Union(before)).size).toBe(1_500);
  for (const one of before) {
    expect(one.questions).toBe(0);
    expect(one.walks).toBeLessThanOrEqual(2);
  }
});

test('what has become two parts, or moved to another one, is not lacking', () => {
  const rest = new Set(['z']);
  const was = new Union([rest, new Set(['a', 'b'])]);
  const is = new Union([rest, new Set(['a']), new Set(['b', 'z'])]);
  expect([...lacking(was, is)]).toEqual([]);
  expect([...lacking(is, was)]).toEqual([]);
  expect(is.size).toBe(3);
});
