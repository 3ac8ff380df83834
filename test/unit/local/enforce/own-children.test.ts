import { expect, test } from 'vitest';
import { OwnChildren } from '../../../../src/local/enforce/own-children.ts';
import { createExec } from '../../../../src/local/exec.ts';

test('whose process ids are known: those that run, and the last that ran', async () => {
  const own = new OwnChildren(createExec());
  const stopper = new AbortController();
  const child = own.open(['cat'], stopper.signal);
  const pids: number[] = [];
  const onPid = (pid: number): void => void pids.push(pid);
  await own.run(['true'], { onPid });
  const [first = 0] = pids;
  expect([own.has(child.pid ?? 0), own.has(first), own.has(1)]).toEqual([true, true, false]);
  for (let n = 0; n < 64; n++) await own.run(['true'], { onPid });
  expect([own.has(child.pid ?? 0), own.has(first), own.has(pids.at(-1) ?? 0)]).toEqual([true, false, true]);
  child.stdin.end();
  await child.exited;
  expect(own.has(child.pid ?? 0)).toBe(true);
});
