import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Fill, Plan } from '../../../../src/local/enforce/backend.ts';
import { decodePlan, encodePlan, PlanFile, restorePlan } from '../../../../src/local/enforce/plan-file.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ScriptedExec } from './scripted-exec.ts';

const CHAINS = '*mangle\n:HEDGEROW - [0:0]\n-A HEDGEROW -j HR-O\nCOMMIT\n';
const empty = { passing: '', blocking: '', known: '' };
const plan = (blocking: string, others: Partial<Fill> = {}): Plan => ({
  backend: 'ipset',
  variant: 'nft',
  sets: { v4: { ...empty, blocking, ...others }, v6: empty },
  chains: { v4: CHAINS, v6: CHAINS },
});
let directory: string;
let path: string;
let clock: FakeClock;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  path = join(directory, 'plan');
  clock = new FakeClock();
});
afterEach(() => rm(directory, { recursive: true }));
const read = async (): Promise<string> => {
  const decoded = decodePlan(await readFile(path, 'utf8'));
  if ('wrong' in decoded) return decoded.wrong;
  return decoded.plan.backend === 'ipset' ? decoded.plan.sets.v4.blocking : decoded.plan.table;
};

describe('format', () => {
  test('is read as it was written', () => {
    expect(decodePlan(encodePlan(plan('x\n')))).toEqual({ plan: plan('x\n') });
  });

  test('any flipped character is refused', () => {
    const text = encodePlan(plan('add hedge-R-4 203.0.113.7\n'));
    for (let i = 0; i < text.length; i++) {
      const flipped = `${text.slice(0, i)}${text[i] === '7' ? '8' : '7'}${text.slice(i + 1)}`;
      expect(decodePlan(flipped)).toHaveProperty('wrong');
      expect(decodePlan(text.slice(0, i))).toHaveProperty('wrong');
    }
  });

  test('a file of the first version is read, its lines in parts; one of a version to come is refused', () => {
    const sets = [
      ...['create hedge-U-4 hash:net', 'create hedge-a0-6 hash:ip', 'create hedge-K-4 hash:ip'],
      ...['create hedge-r0-4 hash:ip', 'add hedge-U-4 192.0.2.1/32', 'add hedge-a0-6 2001:db8::1'],
      ...['add hedge-r0-4 203.0.113.7', 'add hedge-K-4 192.0.2.9', 'create hedge-H-6 hash:net'],
    ];
    const old = { ...plan(''), sets: `${sets.join('\n')}\n` };
    const v4 = {
      passing: 'create hedge-U-4 hash:net\nadd hedge-U-4 192.0.2.1/32\n',
      blocking: 'create hedge-r0-4 hash:ip\nadd hedge-r0-4 203.0.113.7\n',
      known: 'create hedge-K-4 hash:ip\nadd hedge-K-4 192.0.2.9\n',
    };
    const v6 = {
      ...empty,
      passing: 'create hedge-a0-6 hash:ip\nadd hedge-a0-6 2001:db8::1\ncreate hedge-H-6 hash:net\n',
    };
    const text = (version: number): string => {
      const body = JSON.stringify(old);
      return `hedgerow-plan/${version} ${createHash('sha256').update(body).digest('hex')}\n${body}`;
    };
    expect(decodePlan(text(1))).toEqual({ plan: { ...plan(''), sets: { v4, v6 } } });
    expect(decodePlan(text(2))).toEqual({ wrong: 'not a plan' });
    expect(decodePlan(text(3))).toEqual({ wrong: 'unknown version' });
  });
});

describe('keeping', () => {
  test('a change of the policy is written soon, one of addresses once a minute, the newest one', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    let newest = 'first';
    const current = () => plan(newest);
    file.keep('one', current);
    await file.flush();
    expect(await read()).toBe('first');
    newest = 'second';
    file.keep('one', current);
    newest = 'third';
    file.keep('one', current);
    await clock.advance(59_000);
    expect(await read()).toBe('first');
    await clock.advance(1_000);
    await file.flush();
    expect(await read()).toBe('third');
    // A flush with nothing to write is none, and what follows is written all the same.
    await file.flush();
    newest = 'fourth';
    file.keep('two', current);
    await file.flush();
    expect(await read()).toBe('fourth');
    expect(await readdir(directory)).toEqual(['plan']);
  });

  test('is made a moment after the last change, and in a long row of changes once a second', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    const made: string[] = [];
    const change = (state: string) =>
      file.keep(state, () => {
        made.push(state);
        return plan(state);
      });
    change('1');
    await clock.advance(99);
    expect(made).toEqual([]);
    await clock.advance(1);
    expect(made).toEqual(['1']);
    for (let n = 2; n < 42; n++) {
      change(String(n));
      await clock.advance(50);
    }
    // Two of them may have become due during one write.
    expect(made.length).toBeLessThanOrEqual(3);
    await clock.advance(100);
    await file.flush();
    expect(made.at(-1)).toBe('41');
    expect(await read()).toBe('41');
  });

  test('goes on after a change of which there is no plan', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    file.keep('one', () => undefined);
    await file.flush();
    file.keep('two', () => plan('second'));
    await file.flush();
    expect(await read()).toBe('second');
  });

  test('of what a backend is about to forget is made before', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    let applied: Plan | undefined = plan('applied');
    file.keep('one', () => applied);
    file.make();
    applied = undefined;
    file.make();
    await clock.advance(100);
    await file.flush();
    expect(await read()).toBe('applied');
  });

  test('flush writes what waits; a write that fails is counted', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    file.keep('one', () => plan('first'));
    await file.flush();
    file.keep('one', () => plan('second'));
    await file.flush();
    expect(await read()).toBe('second');
    const nowhere = new PlanFile({ path: join(directory, 'no', 'plan'), clock, log: silentLog });
    nowhere.keep('one', () => plan('first'));
    await nowhere.flush();
    expect(nowhere.failures).toBe(1);
  });

  test('a write that fails is told and tried again, also when nothing changes any more', async () => {
    const later = join(directory, 'later');
    const file = new PlanFile({ path: join(later, 'plan'), clock, log: silentLog });
    file.keep('one', () => plan('first'));
    await clock.advance(100);
    await vi.waitFor(() => expect(file.problem).toMatch(/ENOENT/));
    await mkdir(later);
    path = join(later, 'plan');
    await clock.advance(60_000);
    await vi.waitFor(() => expect(file.problem).toBeUndefined());
    expect(await read()).toBe('first');
    expect(file.failures).toBe(1);
  });
});

describe('restoring', () => {
  const { signal } = new AbortController();
  const kernel = (save: string) =>
    new ScriptedExec((argv) => {
      if (argv.endsWith('-save -t mangle')) return { stdout: save };
      return argv.startsWith('ipset') || argv.includes('restore') ? {} : undefined;
    });
  const written = (exec: ScriptedExec) => exec.ran.filter(({ argv }) => argv.includes('tables-nft-restore'));
  const filled = (exec: ScriptedExec) => exec.ran.find(({ argv }) => argv === 'ipset -exist restore')?.input;
  beforeEach(async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    file.keep('one', () => plan('create hedge-R-4 hash:ip\n'));
    await file.flush();
  });

  test('fills the sets, then hooks the chains in', async () => {
    const exec = kernel('*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n');
    await restorePlan(path, exec, signal);
    expect(filled(exec)).toBe('create hedge-R-4 hash:ip\n');
    expect(written(exec)).toHaveLength(2);
    expect(written(exec)[0]?.input).toBe(CHAINS.replace('COMMIT', '-I FORWARD 1 -j HEDGEROW\nCOMMIT'));
  });

  test('leaves chains that are hooked in alone', async () => {
    const exec = kernel(`:HEDGEROW - [0:0]\n-A FORWARD -j HEDGEROW\n-A HEDGEROW -j HR-O\n`);
    await restorePlan(path, exec, signal);
    expect(written(exec)).toHaveLength(0);
  });

  test('exceptions are those of the plan where its chains go in, and stay as they are where chains stay', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    const passing = 'create hedge-a0-4 hash:ip\nadd hedge-a0-4 1.2.3.4\n';
    const blocking = 'add hedge-R-4 1.2.3.5\n';
    const known = 'create hedge-K-4 hash:ip\nadd hedge-K-4 192.0.2.9\n';
    const sets = `${passing}${blocking}${known}`;
    file.keep('two', () => plan(blocking, { passing, known }));
    await file.flush();
    const fresh = kernel('');
    await restorePlan(path, fresh, signal);
    expect(filled(fresh)).toBe(
      sets
        .replace('ip\n', 'ip\nflush hedge-a0-4\n')
        .replace('K-4 hash:ip\n', 'K-4 hash:ip\nflush hedge-K-4\n'),
    );
    const hooked = kernel(`:HEDGEROW - [0:0]\n-A FORWARD -j HEDGEROW\n-A HEDGEROW -j HR-O\n`);
    await restorePlan(path, hooked, signal);
    expect(filled(hooked)).toBe(sets.replace(/add hedge-(a0|K)-4 .*\n/g, ''));
  });

  test('the guard is added to where chains go in, never emptied; the home becomes that of the plan, by a swap', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    const guard = 'create hedge-U-4 hash:net\nadd hedge-U-4 192.0.2.1/32\n';
    const home = 'create hedge-H-4 hash:net\nadd hedge-H-4 192.0.2.0/24\n';
    file.keep('two', () => plan('', { passing: `${guard}${home}` }));
    await file.flush();
    const fresh = kernel('');
    await restorePlan(path, fresh, signal);
    expect(filled(fresh)).toBe(
      `${guard}create hedge-H-4 hash:net
create hedge-tmp-H-4 hash:net
flush hedge-tmp-H-4
add hedge-tmp-H-4 192.0.2.0/24
swap hedge-tmp-H-4 hedge-H-4
destroy hedge-tmp-H-4
`,
    );
    expect(fresh.ran.some(({ argv }) => argv === 'ipset list -t')).toBe(false);
  });

  test('where chains stay the guard and the home stay as they are, unless somebody has emptied them', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    const sets =
      'create hedge-U-4 hash:net\nadd hedge-U-4 192.0.2.1/32\ncreate hedge-H-4 hash:net\nadd hedge-H-4 192.0.2.0/24\n';
    file.keep('two', () => plan('', { passing: sets }));
    await file.flush();
    const save = `:HEDGEROW - [0:0]\n-A FORWARD -j HEDGEROW\n-A HEDGEROW -j HR-O\n`;
    const sized = (guard: number, home: number) =>
      new ScriptedExec((argv) => {
        if (argv.endsWith('-save -t mangle')) return { stdout: save };
        const list = `Name: hedge-U-4\nNumber of entries: ${guard}\n\nName: hedge-H-4\nNumber of entries: ${home}\n`;
        return argv === 'ipset list -t' ? { stdout: list } : {};
      });
    const full = sized(1, 3);
    await restorePlan(path, full, signal);
    expect(filled(full)).toBe('create hedge-U-4 hash:net\ncreate hedge-H-4 hash:net\n');
    const emptied = sized(0, 0);
    await restorePlan(path, emptied, signal);
    expect(filled(emptied)).toBe(sets);
  });

  test('a part that fails is in the way of no other, and is told', async () => {
    const file = new PlanFile({ path, clock, log: silentLog });
    const [bridge, own] = ['add table bridge hedgerow\n', 'add table inet hedgerow_own\n'];
    file.keep('two', () => ({ ...plan(''), bridge, own }));
    await file.flush();
    const exec = new ScriptedExec((argv) => {
      if (argv.startsWith('nft')) return argv.includes('list') ? { stdout: '{"nftables": []}' } : {};
      return { code: 1, stderr: 'ipset: no' };
    });
    await expect(restorePlan(path, exec, signal)).rejects.toThrow('ipset: no');
    expect(exec.ran.map(({ input }) => input)).toEqual(expect.arrayContaining([bridge, own]));
  });

  test('a missing file is told as such, a failing tool too', async () => {
    await expect(restorePlan(join(directory, 'none'), kernel(''), signal)).rejects.toMatchObject({
      name: 'UnavailableError',
    });
    const failing = new ScriptedExec(() => ({ code: 1, stderr: 'Operation not permitted' }));
    await expect(restorePlan(path, failing, signal)).rejects.toMatchObject({ name: 'TemporaryError' });
  });
});
