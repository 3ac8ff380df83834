import { expect, test } from 'vitest';
import { whole } from '../../../../../src/local/enforce/nft/plan.ts';
import { putNew } from '../../../../../src/local/enforce/nft/staged.ts';
import type { SetPlan, Table } from '../../../../../src/local/enforce/nft/table.ts';
import { ScriptedExec } from '../scripted-exec.ts';

const { signal } = new AbortController();
const set = (elements: readonly string[], kind: SetPlan['kind'] = 'set'): SetPlan => ({
  kind,
  declared: 'type ipv4_addr;',
  parts: new Map([['', new Set(elements)]]),
});
const addresses = (size: number): string[] =>
  Array.from({ length: size }, (_, n) => `198.18.${n >> 8}.${n & 255}`);
const table = (size: number): Table => ({
  sets: new Map([
    ['u4', set(['192.0.2.1/32'])],
    ['a4', set(['192.0.2.5 . 203.0.113.1'])],
    ['p4', set(addresses(size).map((one) => `192.0.2.5 . ${one}`))],
    ['r4', set(addresses(size))],
    ['s4', set(['192.0.2.6 : jump wide_o4_i'], 'map')],
  ]),
  chains: new Map([
    ['on_forward', { hook: 'type filter hook forward priority -10;', rules: ['jump out4'] }],
    ['wide_o4_i', { hook: undefined, rules: ['drop'] }],
  ]),
});
const LARGE = 20_000;
const inputs = (exec: ScriptedExec): string[] => exec.ran.map(({ input = '' }) => input);

test('a small table is one transaction', async () => {
  const exec = new ScriptedExec(() => ({}));
  await putNew(exec, whole(table(1_000)), signal);
  expect(inputs(exec)).toEqual([`${whole(table(1_000)).join('\n')}\n`]);
});

test('of a large one the sets come first, then what they block, and last what lets pass and is hooked in', async () => {
  const exec = new ScriptedExec(() => ({}));
  await putNew(exec, whole(table(LARGE)), signal);
  const [made = '', ...rest] = inputs(exec);
  const last = rest.pop() ?? '';
  expect(made.split('\n')[0]).toBe('create table inet hedgerow');
  for (const text of [made, ...rest]) {
    expect(text).not.toMatch(/hook|add rule|chain|jump|delete/);
    expect(text).not.toMatch(/add element \S+ \S+ [ua]/);
  }
  // Nothing but these is in what runs at the same time, and all of it once.
  const lines = rest.flatMap((text) => text.trimEnd().split('\n')).sort();
  expect(lines).toEqual(
    whole(table(LARGE))
      .filter((line) => /^add element \S+ \S+ [pr]4 /.test(line))
      .sort(),
  );
  expect(rest.length).toBeGreaterThan(1);
  expect(last).not.toMatch(/^(add|delete) (table|set) /m);
  expect(last).toMatch(/^create chain inet hedgerow on_forward \{ type filter/m);
  const all = [made, ...rest, last].join('').replaceAll('create', 'add').trimEnd().split('\n').sort();
  const [, , ...expected] = whole(table(LARGE)).toSorted(
    (a, b) => Number(/delete/.test(b)) - Number(/delete/.test(a)),
  );
  expect(all).toEqual([...expected].sort());
});

test('where a stage fails the chains are not hooked in, and all is one transaction', async () => {
  const text = `${whole(table(LARGE)).join('\n')}\n`;
  for (const failing of [/^create table/, /^add element/, /create chain/]) {
    const exec = new ScriptedExec((_, input = '') =>
      failing.test(input) ? { code: 1, stderr: 'File exists' } : {},
    );
    await putNew(exec, whole(table(LARGE)), signal);
    expect(inputs(exec).at(-1)).toBe(text);
    expect(inputs(exec).filter((one) => one.includes('hook'))).toHaveLength(
      failing.source === 'create chain' ? 2 : 1,
    );
  }
  const broken = new ScriptedExec(() => ({ code: 1, stderr: 'Operation not permitted' }));
  await expect(putNew(broken, whole(table(LARGE)), signal)).rejects.toMatchObject({ name: 'TemporaryError' });
});
