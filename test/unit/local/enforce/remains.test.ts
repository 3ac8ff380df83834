import { describe, expect, test } from 'vitest';
import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { areRulesAtWork, removeRemains, Successor } from '../../../../src/local/enforce/remains.ts';
import { silentLog } from '../../../../src/log.ts';
import { blockSet } from './block-sets.ts';
import { ScriptedExec } from './scripted-exec.ts';

const { signal } = new AbortController();
const SETS = 'Name: hedge-R-4\nNumber of entries: 1\nName: mine\nNumber of entries: 2\n';

test('what ipset has left goes from the variant that has it, and what is not ours stays', async () => {
  const exec = new ScriptedExec((argv) => {
    if (argv === 'ipset list -t') return { stdout: SETS };
    if (argv.includes('-save'))
      return argv.includes('legacy') ? undefined : { stdout: ':HEDGEROW - [0:0]\n-A FORWARD -j HEDGEROW\n' };
    return {};
  });
  expect(await removeRemains('ipset', exec, signal)).toBe(true);
  const wrote = exec.ran.filter(({ input }) => input !== undefined);
  expect(wrote.map(({ argv }) => argv.split(' ')[0])).toContain('iptables-nft-restore');
  expect(wrote[0]?.input).toBe('*mangle\n:HEDGEROW - [0:0]\n-D FORWARD -j HEDGEROW\n-X HEDGEROW\nCOMMIT\n');
  expect(wrote.at(-1)).toEqual({ argv: 'ipset -exist restore', input: 'destroy hedge-R-4\n' });
});

test('without sets of ours no table of iptables is read, for that would make it', async () => {
  const exec = new ScriptedExec(() => ({ stdout: 'Name: mine\nNumber of entries: 2\n' }));
  expect(await removeRemains('ipset', exec, signal)).toBe(false);
  expect(exec.ran.map(({ argv }) => argv)).toEqual(['ipset list -t']);
});

test('a tool that is missing has left nothing', async () => {
  const exec = new ScriptedExec(() => undefined);
  expect(await removeRemains('ipset', exec, signal)).toBe(false);
  expect(await removeRemains('nftables', exec, signal)).toBe(false);
});

test('a tool that the kernel has no part for has left nothing; one without rights may have', async () => {
  const failing = (stderr: string) => new ScriptedExec(() => ({ code: 1, stderr }));
  expect(await removeRemains('ipset', failing('ipset v7.17: Cannot open session to kernel.'), signal)).toBe(
    false,
  );
  const nft = 'netlink: Error: cache initialization failed: Protocol not supported';
  expect(await removeRemains('nftables', failing(nft), signal)).toBe(false);
  const rights = 'ipset v7.17: Kernel error received: Operation not permitted';
  await expect(removeRemains('ipset', failing(rights), signal)).rejects.toThrow('CAP_NET_ADMIN');
});

test('the new is in force before the old goes; once, and nothing is acknowledged before it has gone', async () => {
  const backend = new FakeBackend();
  let broken = true;
  const exec = new ScriptedExec((argv) => {
    expect(backend.outcomes.length).toBeGreaterThan(0);
    return argv === 'ipset list -t' && broken ? { code: 1, stderr: 'busy' } : { stdout: SETS };
  });
  const successor = new Successor(backend, 'ipset', { exec, log: silentLog });
  expect(exec.ran).toEqual([]);
  await expect(successor.set(blockSet([]), signal)).rejects.toThrow('busy');
  broken = false;
  expect((await successor.set(blockSet([]), signal)).did).toBe('unchanged');
  const ran = exec.ran.length;
  await successor.set(blockSet([]), signal);
  expect(exec.ran).toHaveLength(ran);
  expect(successor.name).toBe('fake');
  await successor.clear(signal);
  expect(exec.ran.length).toBeGreaterThan(ran);
});

describe('whether rules of ours are in force, whoever has put them there', () => {
  const answering = (answers: Readonly<Record<string, string>>) =>
    new ScriptedExec((argv) => {
      const [, stdout] = Object.entries(answers).find(([begin]) => argv.startsWith(begin)) ?? [];
      return stdout === undefined ? undefined : { stdout };
    });
  const table = (name: string, rules: readonly unknown[]) =>
    JSON.stringify({
      nftables: [
        { table: { family: 'inet', name } },
        { chain: { family: 'inet', table: name, name: 'out', type: 'filter', hook: 'forward', prio: -10 } },
        ...rules.map((_, n) => ({ rule: { family: 'inet', table: name, chain: 'out', handle: n } })),
      ],
    });
  const chains = (...rules: string[]) => `:HEDGEROW - [0:0]\n${rules.map((one) => `-A ${one}\n`).join('')}`;
  const hooked = chains('FORWARD -j HEDGEROW', 'HEDGEROW -j HR-O');

  test.for<[string, Record<string, string>, boolean]>([
    ['no tool at all', {}, false],
    ['sets alone', { 'ipset list': SETS }, false],
    ['chains that nothing leads to', { 'ipset list': SETS, ip: chains('HEDGEROW -j HR-O') }, false],
    ['chains that are hooked in', { 'ipset list': SETS, ip: hooked }, true],
    ['those of the nft variant alone', { 'ipset list': SETS, 'ip6tables-nft-save': hooked, ip: '' }, true],
    ['a table of nftables', { nft: table('hedgerow', [1]) }, true],
    ['its copy alone', { nft: table('hedgerow_next', [1]) }, true],
    ['a table without rules', { nft: table('hedgerow', []) }, false],
    ['a table of somebody else', { nft: table('fw4', [1]) }, false],
  ])('%s', async ([, answers, wanted]) => {
    expect(await areRulesAtWork(answering(answers), signal)).toBe(wanted);
  });

  test('nobody knows where the tools may not ask', async () => {
    const exec = new ScriptedExec(() => ({ code: 1, stderr: 'Operation not permitted' }));
    await expect(areRulesAtWork(exec, signal)).rejects.toThrow('CAP_NET_ADMIN');
  });
});
