import { expect, test } from 'vitest';
import { whole } from '../../../../../src/local/enforce/nft/plan.ts';
import { inPieces, putNew } from '../../../../../src/local/enforce/nft/staged.ts';
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
    ['u4', { ...set(['192.0.2.1/32']), declared: 'type ipv4_addr; flags interval;' }],
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
const LARGE = 4_000;
const elementCommands = (text: string): number => text.match(/^(?:add|delete) element /gm)?.length ?? 0;
const inputs = (exec: ScriptedExec): string[] => exec.ran.map(({ input = '' }) => input);

test('a small table is one transaction', async () => {
  const exec = new ScriptedExec(() => ({}));
  await putNew(exec, whole(table(1_000)), signal);
  expect(inputs(exec)).toEqual([`${whole(table(1_000)).join('\n')}\n`]);
});

test('of a large one the sets come first, then their elements, and last its maps and what is hooked in', async () => {
  const exec = new ScriptedExec(() => ({}));
  await putNew(exec, whole(table(LARGE)), signal);
  const [made = '', ...rest] = inputs(exec);
  const last = rest.pop() ?? '';
  expect(made.split('\n')[0]).toBe('create table inet hedgerow');
  for (const text of [made, ...rest]) expect(text).not.toMatch(/hook|add rule|chain|jump|delete/);
  // Nothing but elements is in what runs at the same time, and all of them once.
  const lines = rest.flatMap((text) => text.trimEnd().split('\n')).sort();
  expect(lines).toEqual(
    whole(table(LARGE))
      .filter((line) => /^add element \S+ \S+ [pra]4 /.test(line))
      .sort(),
  );
  expect(last).not.toMatch(/^(add|delete) (table|set) /m);
  expect(last).toMatch(/^create chain inet hedgerow on_forward \{ type filter/m);
  const all = [made, ...rest, last].join('').replaceAll('create', 'add').trimEnd().split('\n').sort();
  const [, , ...expected] = whole(table(LARGE)).toSorted(
    (a, b) => Number(/delete/.test(b)) - Number(/delete/.test(a)),
  );
  expect(all).toEqual([...expected].sort());
});

test('no transaction has more than 5,000 elements: the kernel keeps a message for each', async () => {
  const exec = new ScriptedExec(() => ({}));
  await putNew(exec, whole(table(LARGE)), signal);
  const counts = inputs(exec).map(elementCommands);
  expect(Math.max(...counts)).toBe(10);
  const all = elementCommands(whole(table(LARGE)).join('\n'));
  expect(counts.reduce((sum, one) => sum + one)).toBe(all);

  // Nobody listens at boot: four processes are enough.
  const boot = new ScriptedExec(() => ({}));
  await putNew(boot, whole(table(5 * LARGE)), signal, true);
  expect(inputs(boot).map(elementCommands)).toEqual([0, 60, 21, 2]);
});

test('a large step of a change is several transactions in its order, and what is written anew is in one', async () => {
  const exec = new ScriptedExec(() => ({}));
  const added = Array.from(
    { length: 25 },
    (_, n) => `add element inet hedgerow p4 { 192.0.2.5 . 203.0.113.${n} }`,
  );
  const step = ['add set inet hedgerow p4_1 { type ipv4_addr; }', ...added, 'flush chain inet hedgerow out4'];
  const rules = Array.from({ length: 30 }, (_, n) => `add rule inet hedgerow out4 return # ${n}`);
  await inPieces(exec, [...step, ...rules], signal);
  expect(inputs(exec).join('')).toBe(`${[...step, ...rules].join('\n')}\n`);
  expect(inputs(exec).map(elementCommands)).toEqual([10, 10, 5]);
  expect(
    inputs(exec)
      .at(-1)
      ?.endsWith(`${[step.at(-1), ...rules].join('\n')}\n`),
  ).toBe(true);

  const failing = new ScriptedExec(() => ({ code: 1, stderr: 'No such file or directory' }));
  await expect(inPieces(failing, step, signal)).rejects.toMatchObject({ name: 'TemporaryError' });
  expect(failing.ran).toHaveLength(1);
  const idle = new ScriptedExec(() => ({}));
  await inPieces(idle, [], signal);
  expect(idle.ran).toEqual([]);
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
