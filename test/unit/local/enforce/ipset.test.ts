import { expect, test } from 'vitest';
import { restoreSets } from '../../../../src/local/enforce/ipset.ts';
import { createLine } from '../../../../src/local/enforce/plan.ts';
import { ScriptedExec } from './scripted-exec.ts';

const { signal } = new AbortController();
const MANY = 6_000;
const many = Array.from({ length: MANY }, (_, n) =>
  n % 2 === 0 ? `add hedge-r0-4 203.0.${n >> 8}.${n & 255}` : `add hedge-r0-6 2001:db8::4:${n.toString(16)}`,
);

test('few lines are one command, in their order but for the families', async () => {
  const exec = new ScriptedExec(() => ({}));
  const lines = [
    'add hedge-R-6 ::1',
    'swap hedge-tmp-H-4 hedge-H-4',
    'destroy hedge-tmp-H-4',
    'destroy hedge-ack',
  ];
  await restoreSets(exec, lines, signal);
  const [swap, tmp, ack] = lines.slice(1);
  expect(exec.ran).toEqual([
    { argv: 'ipset -exist restore', input: `${[swap, tmp, ack, lines[0]].join('\n')}\n` },
  ]);
});

test('many are one command for each family, both at once, and no address makes the tool look for a name server', async () => {
  const exec = new ScriptedExec(() => ({}));
  await restoreSets(exec, many, signal);
  expect(exec.ran.map(({ argv }) => argv)).toEqual(
    Array(2).fill('env RES_OPTIONS=no-reload ipset -exist restore'),
  );
  for (const [n, family] of [4, 6].entries())
    expect(exec.ran[n]?.input).toBe(
      many
        .filter((line) => line.includes(`r0-${family}`))
        .map((line) => `${line}\n`)
        .join(''),
    );
});

test('one that fails is told, and a tool that is missing as such', async () => {
  const failing = (code: number) => new ScriptedExec((_, input) => (input?.includes('-6') ? { code } : {}));
  await expect(restoreSets(failing(1), many, signal)).rejects.toMatchObject({ name: 'TemporaryError' });
  await expect(restoreSets(failing(127), many, signal)).rejects.toMatchObject({ name: 'UnavailableError' });
});

test('a large set begins with room for its elements; a small one with what the kernel gives it', () => {
  const line = (size: number): string =>
    createLine('hedge-R-4', {
      letter: 'R',
      family: 4,
      index: undefined,
      elements: new Set(Array.from({ length: size }, (_, n) => `${n}`)),
    });
  const rest = 'create hedge-R-4 hash:ip family inet';
  for (const size of [0, 1, 2_048]) expect(line(size)).toBe(`${rest} maxelem 1048576`);
  expect(line(2_049)).toBe(`${rest} hashsize 2048 maxelem 1048576`);
  expect(line(20_000)).toBe(`${rest} hashsize 16384 maxelem 1048576`);
});
