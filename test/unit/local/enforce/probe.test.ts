import { expect, test } from 'vitest';
import { DryRunBackend } from '../../../../src/local/enforce/dry-run-backend.ts';
import { chooseBackend, untilOneWorks } from '../../../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../../../src/local/enforce/slots.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner } from './block-sets.ts';
import { ScriptedExec } from './scripted-exec.ts';

const { signal } = new AbortController();
const options = (exec: ScriptedExec, wan: string[] = []) => ({
  exec,
  clock: new FakeClock(),
  log: silentLog,
  slots: createSlotMemory(),
  wan,
});
/** A machine whose iptables are these; `ours` already has our chain. */
const machine = (variants: string[], ours?: string) =>
  new ScriptedExec((argv) => {
    const [command = ''] = argv.split(' ');
    if (command === 'ipset') return {};
    if (command === 'nft') return undefined;
    const variant = /^ip6?tables-(?:(legacy|nft)-)?(save|restore)$/.exec(command)?.[1] ?? 'plain';
    if (!variants.includes(variant)) return undefined;
    return { stdout: variant === ours ? ':HEDGEROW - [0:0]\n' : '' };
  });

test.each([
  ['legacy before nft', ['legacy', 'nft'], undefined, 'ipset, iptables-legacy'],
  ['nft alone', ['nft'], undefined, 'ipset, iptables-nft'],
  ['the one with our chains', ['legacy', 'nft'], 'nft', 'ipset, iptables-nft'],
  ['the plain name if there is no other', ['plain'], undefined, 'ipset, iptables'],
])('iptables: %s', async (_, variants, ours, detail) => {
  const exec = machine(variants, ours);
  const choice = await chooseBackend('auto', options(exec), signal);
  expect(choice.role === 'enforcer' && choice.backend.describe().detail).toBe(detail);
  expect(exec.ran.map(({ argv }) => argv).filter((argv) => argv.startsWith('ipset destroy'))).toEqual([
    'ipset destroy hedge-probe-4',
    'ipset destroy hedge-probe-6',
    'ipset destroy hedge-probe-n',
  ]);
  expect(choice.role === 'enforcer' && choice.backend.describe().sameSwitch).toEqual({
    how: 'none',
    why: 'nft is not installed',
  });
});

test('what does not work makes an observer, with the reason', async () => {
  const without = (answer: ConstructorParameters<typeof ScriptedExec>[0]) =>
    chooseBackend('ipset', options(new ScriptedExec(answer)), signal);
  expect(await without(() => undefined)).toEqual({ role: 'observer', reason: 'ipset is not installed' });
  expect(await without(() => ({ code: 1, stderr: 'Operation not permitted' }))).toMatchObject({
    role: 'observer',
    reason: expect.stringContaining('Operation not permitted'),
  });
  expect(await without((argv) => (argv.startsWith('ipset') ? {} : undefined))).toMatchObject({
    role: 'observer',
    reason: expect.stringContaining('no iptables works here: iptables-legacy-save is not installed'),
  });
});

test('a probe that fails half-way is cleaned up and the next variant tried', async () => {
  const exec = new ScriptedExec((argv, input) => {
    if (argv.startsWith('ip6tables-legacy-restore') && input?.includes('--match-set'))
      return { code: 2, stderr: "Couldn't load match `set'" };
    return {};
  });
  const choice = await chooseBackend('auto', options(exec), signal);
  expect(choice.role === 'enforcer' && choice.backend.describe().detail).toBe('ipset, iptables-nft');
  const legacy = exec.ran.filter(({ argv }) => argv.startsWith('iptables-legacy-restore'));
  expect(legacy.at(-1)?.input).toContain('-X HR-Probe\n');
});

test.each([
  ['auto', 'nftables (ipset is not installed)'],
  ['nftables', 'nftables (as configured)'],
] as const)('%s: nftables where it works, with the reason', async (config, detail) => {
  const pairs = { family: 'inet', table: 'hedgerow_probe', name: 'pairs' };
  const listing = { nftables: [{ set: { ...pairs, elem: [{ concat: ['192.0.2.1', '192.0.2.2'] }] } }] };
  const exec = new ScriptedExec((argv) => {
    if (!argv.startsWith('nft')) return undefined;
    return argv.includes('list') ? { stdout: JSON.stringify(listing) } : {};
  });
  const choice = await chooseBackend(config, options(exec), signal);
  expect(choice.role === 'enforcer' && choice.backend.describe()).toEqual({
    name: 'nftables',
    detail,
    sameSwitch: { how: 'table' },
    own: { how: 'none', why: 'enforce.ownTraffic is off' },
  });
  const removed = exec.ran.flatMap(({ argv }) => /^nft delete table (.*)/.exec(argv)?.[1] ?? []);
  expect(removed).toEqual(['inet hedgerow_probe', 'bridge hedgerow_probe']);
});

test('a kernel whose nftables knows no bridges still enforces what is routed, and says what it cannot', async () => {
  const exec = new ScriptedExec((argv, input) => {
    if (input?.includes('table bridge ')) return { code: 1, stderr: 'Operation not supported' };
    return /^ip6?tables-legacy/.test(argv) ? undefined : {};
  });
  const choice = await chooseBackend('auto', options(exec), signal);
  expect(choice.role === 'enforcer' && choice.backend.describe().sameSwitch).toEqual({
    how: 'none',
    why: expect.stringContaining('Operation not supported'),
  });
});

test('nftables that does not speak JSON is none', async () => {
  const exec = new ScriptedExec((argv) =>
    argv.includes('list') ? { code: 1, stderr: 'JSON support not compiled-in' } : {},
  );
  expect(await chooseBackend('nftables', options(exec), signal)).toEqual({
    role: 'observer',
    reason: 'nft does not list as JSON: JSON support not compiled-in',
  });
});

test('an impossible interface name is a mistake in the config', async () => {
  const choice = chooseBackend('auto', options(machine(['nft']), ['wan0 -j ACCEPT']), signal);
  await expect(choice).rejects.toMatchObject({ name: 'ConfigError' });
});

test('dry-run runs nothing and tells what it would do', async () => {
  const exec = new ScriptedExec(() => undefined);
  const choice = await chooseBackend('dry-run', options(exec, ['wan0']), signal);
  if (choice.role !== 'enforcer' || !(choice.backend instanceof DryRunBackend))
    throw new Error('not a dry run');
  const { backend } = choice;
  const blocks = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'])]);
  expect(await backend.set(blocks, signal)).toMatchObject({ did: 'update' });
  expect(backend.steps.map(({ kind }) => kind)).toEqual(['sets', 'chains', 'sets']);
  expect(await backend.set(blocks, signal)).toMatchObject({ did: 'unchanged', elements: 0 });
  expect(exec.ran).toEqual([]);
});

test('an observer tries again until something works, and leaves nothing of the trial', async () => {
  let installed = false;
  const exec = new ScriptedExec((argv) => (installed && !argv.startsWith('nft') ? {} : undefined));
  const clock = new FakeClock();
  const found = untilOneWorks('auto', { ...options(exec), clock }, signal);
  await clock.advance(59_000);
  expect(exec.ran).toEqual([]);
  await clock.advance(1_000);
  expect(exec.ran.length).toBeGreaterThan(0);
  installed = true;
  await clock.advance(60_000);
  expect(await found).toBe('ipset');
});
