import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fill, Plan } from '../../../../src/local/enforce/backend.ts';
import { changesPaths } from '../../../../src/local/enforce/plan-disk.ts';
import {
  checksumOf,
  encodeChange,
  encodeChangesHead,
  encodePlan,
} from '../../../../src/local/enforce/plan-format.ts';
import { readPlan, restorePlan } from '../../../../src/local/enforce/plan-restore.ts';
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
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hedgerow-plan-'));
  path = join(directory, 'plan');
});
afterEach(() => rm(directory, { recursive: true }));

describe('restoring', () => {
  const { signal } = new AbortController();
  const kernel = (save: string) =>
    new ScriptedExec((argv) => {
      if (argv.endsWith('-save -t mangle')) return { stdout: save };
      return argv.startsWith('ipset') || argv.includes('restore') ? {} : undefined;
    });
  const written = (exec: ScriptedExec) => exec.ran.filter(({ argv }) => argv.includes('tables-nft-restore'));
  const filled = (exec: ScriptedExec) => exec.ran.find(({ argv }) => argv === 'ipset -exist restore')?.input;
  const write = (one: Plan) => writeFile(path, encodePlan(one));
  beforeEach(() => write(plan('create hedge-R-4 hash:ip\n')));

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
    const passing = 'create hedge-a0-4 hash:ip\nadd hedge-a0-4 1.2.3.4\n';
    const blocking = 'add hedge-R-4 1.2.3.5\n';
    const known = 'create hedge-K-4 hash:ip\nadd hedge-K-4 192.0.2.9\n';
    const sets = `${passing}${blocking}${known}`;
    await write(plan(blocking, { passing, known }));
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
    const guard = 'create hedge-U-4 hash:net\nadd hedge-U-4 192.0.2.1/32\n';
    const home = 'create hedge-H-4 hash:net\nadd hedge-H-4 192.0.2.0/24\n';
    await write(plan('', { passing: `${guard}${home}` }));
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
    const sets =
      'create hedge-U-4 hash:net\nadd hedge-U-4 192.0.2.1/32\ncreate hedge-H-4 hash:net\nadd hedge-H-4 192.0.2.0/24\n';
    await write(plan('', { passing: sets }));
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

  test('a missing file is told as such, a failing tool too', async () => {
    await expect(restorePlan(join(directory, 'none'), kernel(''), signal)).rejects.toMatchObject({
      name: 'UnavailableError',
    });
    const failing = new ScriptedExec(() => ({ code: 1, stderr: 'Operation not permitted' }));
    await expect(restorePlan(path, failing, signal)).rejects.toMatchObject({ name: 'TemporaryError' });
  });
});

describe('changes beside a plan', () => {
  const { signal } = new AbortController();
  const BASE = encodePlan(plan('create hedge-R-4 hash:ip\nadd hedge-R-4 192.0.2.1\n'));
  const changes = (generation: number, sets: string, of = BASE) => {
    const head = encodeChangesHead({ plan: checksumOf(of) ?? '', generation });
    return `${head}${encodeChange(head, { sets }).line}`;
  };
  const blocking = async () => {
    const { plan: read, ...rest } = await readPlan(path, signal);
    return { ...rest, sets: read.backend === 'ipset' ? read.sets.v4.blocking : read.table };
  };
  beforeEach(() => writeFile(path, BASE));

  test('are in it; of two files the newer one counts, and none that is for another plan', async () => {
    const [one, other] = changesPaths(path);
    const added = 'create hedge-R-4 hash:ip\nadd hedge-R-4 192.0.2.1\nadd hedge-R-4 192.0.2.2\n';
    await writeFile(other, changes(8, 'del hedge-R-4 192.0.2.1\n', encodePlan(plan(''))));
    expect(await blocking()).toMatchObject({ changes: 0, torn: undefined });
    await writeFile(one, changes(3, 'add hedge-R-4 192.0.2.2\n'));
    expect(await blocking()).toEqual({ changes: 1, torn: undefined, sets: added });
    await writeFile(other, changes(4, 'del hedge-R-4 192.0.2.1\n'));
    expect(await blocking()).toEqual({ changes: 1, torn: undefined, sets: 'create hedge-R-4 hash:ip\n' });
  });

  test('that are torn count as far as they are whole, and that is told', async () => {
    const [one] = changesPaths(path);
    await writeFile(one, `${changes(3, 'add hedge-R-4 192.0.2.2\n')}0123`);
    expect(await blocking()).toMatchObject({ changes: 1, torn: '4 characters after change 1 are damaged' });
    await writeFile(one, 'hedgerow-plan-cha');
    expect(await blocking()).toMatchObject({ changes: 0, torn: `${one} is no file of changes` });
  });
});
