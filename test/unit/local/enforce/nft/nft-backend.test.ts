import { expect, test } from 'vitest';
import { NftBackend } from '../../../../../src/local/enforce/nft/nft-backend.ts';
import { silentLog } from '../../../../../src/log.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { blockSet, owner } from '../block-sets.ts';
import { ScriptedExec, settle } from '../scripted-exec.ts';

const { signal } = new AbortController();
const EMPTY = '{"nftables": [{"metainfo": {}}]}';
const THERE = '{"nftables": [{"table": {"family": "inet", "name": "hedgerow"}}]}';
const one = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'])]);
const two = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7', '203.0.113.8'])]);

/** A tool that has the table once it was made; `answer` may say otherwise. */
function machine(answer: (argv: string, input: string | undefined) => object | undefined = () => undefined) {
  let there = false;
  const exec = new ScriptedExec((argv, input) => {
    const said = answer(argv, input);
    if (said !== undefined) return said;
    if (argv === 'nft -f -' && input?.includes('add table inet hedgerow\n')) there = true;
    return argv.includes('list') ? { stdout: there ? THERE : EMPTY } : {};
  });
  const clock = new FakeClock();
  const backend = new NftBackend({ exec, clock, log: silentLog, wan: ['wan0'], why: 'a test' });
  const files = () => exec.ran.filter(({ argv }) => argv === 'nft -f -').map(({ input }) => input ?? '');
  return { exec, clock, backend, files };
}

/** Lets a session without a command line end, as OpenWrt's does. */
async function withoutSession<T>(exec: ScriptedExec, work: Promise<T>): Promise<T> {
  for (let n = 0; n < 20; n++) {
    await settle();
    for (const child of exec.children) child.end(1, 'exit code 1');
  }
  return work;
}

test('a tool without a command line gets every change as a file', async () => {
  const { exec, backend, files } = machine();
  expect((await withoutSession(exec, backend.set(one, signal))).did).toBe('resync');
  expect((await backend.set(two, signal)).did).toBe('update');
  expect(exec.children).toHaveLength(1);
  expect(files().at(-1)).toBe(
    'add element inet hedgerow r4 { 203.0.113.8 }\nadd element inet hedgerow p4 { 192.168.1.20 . 203.0.113.8 }\n',
  );
});

/** A kernel that has tables of these names, each with so many rules in its chain at the hook, and with what they have counted. */
function kernel(there: Readonly<Record<string, number>>, counted: object[] = []) {
  const tables = new Map(Object.entries(there));
  const list = (): { stdout: string } => {
    const listed = [...tables].flatMap(([table, rules]) => {
      const of = { family: 'inet', table };
      const chain = { ...of, name: 'on_forward', hook: 'forward', prio: -10, policy: 'accept' };
      const those = Array.from({ length: rules }, (_, n) => ({
        rule: { ...of, chain: 'on_forward', handle: n },
      }));
      const elem = table === 'hedgerow' ? counted : [];
      const set = { ...of, name: 'hit_p4', elem };
      return [{ table: { family: 'inet', name: table } }, { chain }, ...those, { set }];
    });
    return { stdout: JSON.stringify({ nftables: listed }) };
  };
  const run = (input: string): object => {
    const [, name = ''] = /^add table inet (\w+)\n/.exec(input) ?? [];
    if (input.includes(' on_forward ')) tables.set(name, 1);
    else tables.delete(name);
    return {};
  };
  return { list, run };
}

test.each([
  ['while one table takes the place of another a copy blocks', { hedgerow: 1 }, ['+next', '-', '+']],
  [
    'a copy that was left beside the table that is at work gives way',
    { hedgerow: 1, hedgerow_next: 1 },
    ['-next', '+next', '-', '+'],
  ],
  ['a copy that was left alone blocks to the end', { hedgerow_next: 1 }, ['+']],
  ['so does one beside a table that was begun', { hedgerow: 0, hedgerow_next: 1 }, ['-', '+']],
])('%s', async (_, there, steps) => {
  const { list, run } = kernel(there);
  const { exec, backend, files } = machine((argv, input = '') =>
    argv.includes('list') ? list() : run(input),
  );
  await withoutSession(exec, backend.set(one, signal));
  const told = files().map((text) => {
    const which = text.startsWith('add table inet hedgerow_next\n') ? 'next' : '';
    return `${text.includes('add chain') ? '+' : '-'}${which}`;
  });
  expect(told).toEqual([...steps, '-next']);
});

test('what was counted is not lost where the new table fails after the old one has gone', async () => {
  const val = { concat: ['192.168.1.20', '203.0.113.7'] };
  const counted = [{ elem: { val, counter: { packets: 5, bytes: 300 } } }];
  const { list, run } = kernel({ hedgerow: 1 }, counted);
  let broken = true;
  const { exec, backend, files } = machine((argv, input = '') => {
    if (argv.includes('list')) return list();
    const fails = broken && input.includes('add chain inet hedgerow ');
    return fails ? { code: 1, stderr: 'Cannot allocate memory' } : run(input);
  });
  await expect(backend.set(one, signal)).rejects.toThrow('Cannot allocate memory');
  broken = false;
  await withoutSession(exec, backend.set(one, signal));
  // Once, and not twice: the table that had them has gone.
  expect(files().at(-2)).toContain(
    'add element inet hedgerow hit_p4 { 192.168.1.20 . 203.0.113.7 counter packets 5 bytes 300 }',
  );
});

test.each([
  ['fails', { code: 1, stderr: 'Operation not permitted' }, 'Operation not permitted'],
  ['hangs', { code: -1, stderr: 'timed out' }, 'timed out'],
])('a tool that %s is a clear error, and the last good state goes on', async (_, answer, words) => {
  let broken = false;
  const { exec, backend } = machine((argv) => (broken && argv.startsWith('nft') ? answer : undefined));
  await withoutSession(exec, backend.set(one, signal));
  const plan = backend.plan();
  broken = true;
  await expect(backend.set(two, signal)).rejects.toMatchObject({
    name: 'TemporaryError',
    message: expect.stringContaining(words),
  });
  expect(backend.plan()).toEqual(plan);
  expect(await backend.check(signal)).toEqual([]);
  broken = false;
  expect((await backend.set(two, signal)).did).toBe('resync');
});

test('a tool that prints rubbish proves nothing', async () => {
  let broken = false;
  const { exec, backend } = machine((argv) =>
    broken && argv.includes('list') ? { stdout: 'rubbish' } : undefined,
  );
  await withoutSession(exec, backend.set(one, signal));
  broken = true;
  for (const look of [backend.check(signal), backend.counters(signal)])
    await expect(look).rejects.toMatchObject({
      name: 'TemporaryError',
      message: expect.stringContaining('no listing'),
    });
});

test('a missing tool is unavailable', async () => {
  const exec = new ScriptedExec(() => undefined);
  const backend = new NftBackend({ exec, clock: new FakeClock(), log: silentLog, wan: [], why: 'a test' });
  await expect(backend.set(one, signal)).rejects.toMatchObject({ name: 'UnavailableError' });
});

test('an impossible interface name is a mistake in the config', () => {
  const options = {
    exec: new ScriptedExec(() => ({})),
    clock: new FakeClock(),
    log: silentLog,
    why: 'a test',
  };
  for (const wan of ['wan0" accept', 'a b', ''])
    expect(() => new NftBackend({ ...options, wan: [wan] })).toThrow('wan');
});
