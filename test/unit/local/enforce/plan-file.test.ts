import { type FileHandle, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Planned } from '../../../../src/local/enforce/backend.ts';
import { changesPaths } from '../../../../src/local/enforce/plan-disk.ts';
import { PlanFile } from '../../../../src/local/enforce/plan-file.ts';
import { readPlan } from '../../../../src/local/enforce/plan-restore.ts';
import { compile, type Rulebook } from '../../../../src/local/enforce/rulebook.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner } from './block-sets.ts';

const { signal } = new AbortController();
const slots = new Map([['1'.padStart(32, '0'), 0]]);
let last: Rulebook | undefined;
/** The plan in which one device is kept from these. */
function planned(...remotes: string[]): Planned {
  last = compile(blockSet([owner('1', ['192.168.1.20'], remotes)]), slots, { wan: [], last });
  return { backend: 'ipset', variant: 'legacy', rulebook: last };
}

let directory: string;
let path: string;
let clock: FakeClock;
let file: PlanFile;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  path = join(directory, 'plan');
  clock = new FakeClock();
  last = undefined;
  file = new PlanFile({ path, clock, log: silentLog });
});
afterEach(async () => {
  await file.flush();
  await rm(directory, { recursive: true });
});

/** What a boot would block now. */
async function atBoot(): Promise<string[]> {
  const { plan } = await readPlan(path, signal);
  const text = plan.backend === 'ipset' ? plan.sets.v4.blocking : '';
  return [...text.matchAll(/^add hedge-R-4 (.*)$/gm)].map(([, remote = '']) => remote).sort();
}
const inPlan = async (): Promise<string> => readFile(path, 'utf8');
const [A, B, C] = ['203.0.113.1', '203.0.113.2', '203.0.113.3'];

test('a change of the policy is there for the next boot when it is told of, whatever is being written', async () => {
  await file.keep('0', planned(A));
  expect(await atBoot()).toEqual([A]);
  const whole = await inPlan();
  await file.keep('1', planned(A, B));
  expect(await atBoot()).toEqual([A, B]);
  await file.keep('2', planned(B));
  expect(await atBoot()).toEqual([B]);
  // The plan itself was not written again, and a change that makes no other plan writes nothing.
  expect(await inPlan()).toBe(whole);
  const { size } = await sizes();
  await file.keep('3', planned(B));
  expect(await sizes()).toEqual({ size });
  await file.flush();
  expect(await inPlan()).not.toBe(whole);
  expect(await atBoot()).toEqual([B]);
  expect((await readPlan(path, signal)).changes).toBe(0);
});

async function sizes(): Promise<{ size: number }> {
  const texts = await Promise.all(changesPaths(path).map((one) => readFile(one, 'utf8').catch(() => '')));
  return { size: texts.join('').length };
}

test('changes of addresses alone are written once a minute, the newest one, or with the next of the policy', async () => {
  await file.keep('0', planned(A));
  expect(file.keep('0', planned(A, B))).toBeUndefined();
  await clock.advance(59_000);
  expect(file.keep('0', planned(A, C))).toBeUndefined();
  expect(await atBoot()).toEqual([A]);
  await clock.advance(1_000);
  await file.keep('1', planned(A, C));
  expect(await atBoot()).toEqual([A, C]);
  file.keep('1', planned(A, B));
  await file.keep('2', planned(A, B, C));
  expect(await atBoot()).toEqual([A, B, C]);
});

test('many changes are written into the plan, which a change meanwhile does not miss', async () => {
  const few = (n: number) => Array.from({ length: 40 }, (_, k) => `198.18.${n}.${k}`);
  await file.keep('0', planned(A));
  const whole = await inPlan();
  let n = 0;
  let most = 0;
  while ((await inPlan()) === whole && n < 200) {
    n += 1;
    await file.keep(String(n), planned(...few(n)));
    expect(await atBoot()).toEqual(few(n).sort());
    most = Math.max(most, (await sizes()).size);
    await clock.advance(100);
  }
  expect(n).toBeLessThan(200);
  expect(most).toBeGreaterThan(65_536);
  expect(most).toBeLessThan(200_000);
  await file.keep('last', planned(B));
  expect(await atBoot()).toEqual([B]);
  expect((await readdir(directory)).sort()).toEqual(['plan', 'plan.changes.0', 'plan.changes.1']);
});

test('an agent that starts again begins anew beside what is there, and loses none of it on the way', async () => {
  await file.keep('0', planned(A));
  await file.keep('1', planned(A, B));
  // The next one knows nothing of the plan and its changes.
  const next = new PlanFile({ path, clock, log: silentLog });
  await next.keep('0', planned(A, B));
  expect(await atBoot()).toEqual([A, B]);
  await next.keep('1', planned(C));
  expect(await atBoot()).toEqual([C]);
  await next.flush();
});

test('who moves the plan or its changes away has them written again with the next change', async () => {
  await file.keep('0', planned(A));
  for (const which of ['plan', 'plan.changes.0', 'plan.changes.1']) {
    await file.keep(`${which} before`, planned(A, B));
    await rm(join(directory, which), { force: true });
    await file.keep(which, planned(B, C));
    expect(await atBoot()).toEqual([B, C]);
  }
});

describe('a disk that fails', () => {
  const broken = () => new PlanFile({ path: join(directory, 'no', 'plan'), clock, log: silentLog });

  test('holds nobody up, is told, and is tried again', async () => {
    const nowhere = broken();
    await nowhere.keep('0', planned(A));
    expect(nowhere.failures).toBe(1);
    expect(nowhere.problem).toContain('ENOENT');
    await nowhere.keep('1', planned(B));
    expect(nowhere.failures).toBe(2);
    await nowhere.flush();
  });

  test('amid the changes: the next one is written over what was left, and has the one that failed', async () => {
    await file.keep('0', planned(A));
    const probe = await open(path, 'r');
    const proto: FileHandle = Object.getPrototypeOf(probe);
    await probe.close();
    const full = vi.spyOn(proto, 'datasync').mockRejectedValueOnce(new Error('no space left'));
    await file.keep('1', planned(A, B));
    expect(file.problem).toBe('no space left');
    // It is tried again by itself too.
    await clock.advance(60_000);
    await file.keep('2', planned(A, B));
    expect(full).toHaveBeenCalledTimes(2);
    expect(file.problem).toBeUndefined();
    expect(await atBoot()).toEqual([A, B]);
    expect((await readPlan(path, signal)).torn).toBeUndefined();
    full.mockRestore();
  });

  test('or does not answer: the answer comes after a quarter of a second, later ones at once, and all of it once it does', async () => {
    await file.keep('0', planned(A));
    const probe = await open(path, 'r');
    const proto: FileHandle = Object.getPrototypeOf(probe);
    await probe.close();
    const stuck = Promise.withResolvers<void>();
    const hangs = vi.spyOn(proto, 'datasync').mockReturnValueOnce(stuck.promise);
    const first = file.keep('1', planned(A, B));
    await clock.advance(250);
    await first;
    expect(file.keep('2', planned(A, B, C))).toBeUndefined();
    expect(file.problem).toBeUndefined();
    await clock.advance(5_001);
    expect(file.problem).toBe('the disk does not answer');
    stuck.resolve();
    await vi.waitFor(async () => expect(await atBoot()).toEqual([A, B, C]));
    expect(file.problem).toBeUndefined();
    hangs.mockRestore();
  });
});

test('a plan of a former version stays until the first of this one is there', async () => {
  await writeFile(path, 'hedgerow-plan/1 whatever');
  await file.keep('0', planned(A));
  expect(await atBoot()).toEqual([A]);
});
