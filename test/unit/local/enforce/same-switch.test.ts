import { describe, expect, test, vi } from 'vitest';
import {
  type Backend,
  type Counter,
  type Outcome,
  type PlannedSets,
  together,
} from '../../../../src/local/enforce/backend.ts';
import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { NftBackend } from '../../../../src/local/enforce/nft/nft-backend.ts';
import { planOf } from '../../../../src/local/enforce/plan-text.ts';
import { emptyRulebook } from '../../../../src/local/enforce/rulebook.ts';
import { SameSwitch, seesInside } from '../../../../src/local/enforce/same-switch.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner } from './block-sets.ts';
import { ScriptedExec } from './scripted-exec.ts';

const { signal } = new AbortController();
const PAIR = blockSet([owner('1', ['192.168.1.20'], ['192.168.1.30', '203.0.113.7'])]);
const THERE = '{"nftables": [{"table": {"family": "bridge", "name": "hedgerow"}}]}';

/** A tool that has the table once it was made, until somebody takes it away; it may be broken. */
function machine(bridgeNf = '0\n0\n') {
  const state = { there: false, broken: false, bridgeNf };
  const exec = new ScriptedExec((argv, input) => {
    if (argv.startsWith('cat ')) return { stdout: state.bridgeNf };
    if (state.broken) return { code: 1, stderr: 'Operation not permitted' };
    if (argv === 'nft -f -')
      state.there = input?.includes('add chain bridge hedgerow ') === true || state.there;
    return argv.includes('list') ? { stdout: state.there ? THERE : '{"nftables": []}' } : {};
  });
  const options = {
    exec,
    clock: new FakeClock(),
    log: silentLog,
    wan: [],
    why: 'a test',
    of: 'bridged',
  } as const;
  const inner = new FakeBackend();
  const withTable = new SameSwitch(inner, { exec, why: '', table: new NftBackend(options) });
  const without = new SameSwitch(inner, { exec, why: 'nft is not installed', table: undefined });
  return { exec, state, inner, withTable, without };
}

describe('with a table for bridges', () => {
  test('the table gets what can be about two devices, and the backend all of it', async () => {
    const { exec, inner, withTable } = machine();
    expect((await withTable.set(PAIR, signal)).did).toBe('resync');
    expect(inner.kernel).toEqual(PAIR);
    const wrote = exec.ran.find(({ input }) => input?.includes('add chain bridge hedgerow '))?.input ?? '';
    expect(wrote).toContain('add element bridge hedgerow p4 { 192.168.1.20 . 192.168.1.30 }\n');
    expect(wrote).not.toContain('203.0.113.7');
    expect(wrote).not.toContain('inet');
    expect(withTable.describe()).toMatchObject({ name: 'fake', sameSwitch: { how: 'table' } });
    expect((await withTable.set(PAIR, signal)).did).toBe('unchanged');
    // What is about the internet alone needs no command there.
    const ran = exec.ran.length;
    const more = blockSet([owner('1', ['192.168.1.20'], ['192.168.1.30', '203.0.113.8'])]);
    expect((await withTable.set(more, signal)).did).toBe('update');
    expect(exec.ran).toHaveLength(ran);
  });

  test('neither waits for the other to begin, and nothing is under way once one has failed', async () => {
    const { exec, inner, withTable } = machine();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    Object.assign(inner, { set: () => promise });
    const done = withTable.set(PAIR, signal);
    await vi.waitFor(() => expect(exec.ran.at(-1)?.argv).toBe('nft -f -'));
    resolve({ did: 'update', elements: 1, rules: 0, ms: 5 });
    expect((await done).did).toBe('resync');

    const [failing, slow] = [
      Promise.reject<Outcome>(new Error('the second')),
      Promise.withResolvers<Outcome>(),
    ];
    let told: unknown;
    const both = together(slow.promise, failing).catch((error: unknown) => {
      told = error;
    });
    await Promise.allSettled([failing]);
    expect(told).toBeUndefined();
    slow.reject(new Error('the first'));
    await both;
    expect(told).toEqual(new Error('the first'));
  });

  test('what is not in both is not acknowledged', async () => {
    const { state, inner, withTable } = machine();
    state.broken = true;
    await expect(withTable.set(PAIR, signal)).rejects.toMatchObject({ name: 'TemporaryError' });
    expect(inner.outcomes).toHaveLength(1);
    state.broken = false;
    expect((await withTable.set(PAIR, signal)).did).toBe('resync');
  });

  test('what one holds does not wait for the other, and what one finds is told though the other cannot look', async () => {
    const { state, inner, withTable } = machine();
    inner.fail(new Error('ipset: no'));
    await expect(withTable.set(PAIR, signal)).rejects.toThrow('ipset: no');
    expect(state.there).toBe(true);
    inner.fail(undefined);
    await withTable.set(PAIR, signal);
    inner.disturb();
    state.broken = true;
    // The backend holds itself to be in doubt from here on, and would not find it again.
    expect((await withTable.check(signal)).map(({ name }) => name)).toEqual(['HEDGEROW']);
    await withTable.set(PAIR, signal);
    await expect(withTable.check(signal)).rejects.toMatchObject({ name: 'TemporaryError' });
  });

  test('drift, clearing and the plan take it in', async () => {
    const { exec, state, inner, withTable } = machine();
    await withTable.set(PAIR, signal);
    state.there = false;
    inner.disturb();
    expect((await withTable.check(signal)).map(({ name }) => name)).toEqual([
      'HEDGEROW',
      'bridge on_forward',
    ]);
    await withTable.set(PAIR, signal);
    expect(withTable.plan()).toBeUndefined();
    const plan: PlannedSets = { backend: 'ipset', variant: 'plain', rulebook: emptyRulebook };
    Object.assign(inner, { plan: () => plan });
    const planned = withTable.plan();
    expect(planned).toMatchObject(plan);
    expect(planned && planOf(planned).bridge).toMatch(/^add table bridge hedgerow\n/);
    await withTable.clear(signal);
    expect(exec.ran.at(-1)?.input).toBe('add table bridge hedgerow\ndelete table bridge hedgerow\n');
  });

  test('drops of one entry are added up', async () => {
    const counter = (remote: string, packets: number, bytes: number): Counter => ({
      owner: '1',
      remote,
      packets,
      bytes,
    });
    const counting = (...counters: Counter[]): Pick<Backend, 'counters'> => ({
      counters: async () => counters,
    });
    const { exec, inner } = machine();
    Object.assign(inner, counting(counter('a', 1, 100), counter('b', 2, 200)));
    const table = Object.assign(
      new NftBackend({ exec, clock: new FakeClock(), log: silentLog, wan: [], why: '', of: 'bridged' }),
      counting(counter('b', 3, 300), counter('c', 4, 400)),
    );
    expect(await new SameSwitch(inner, { exec, why: '', table }).counters(signal)).toEqual([
      counter('a', 1, 100),
      counter('b', 5, 500),
      counter('c', 4, 400),
    ]);
  });
});

test('without one bridge-nf is taken as it is found, at each check', async () => {
  const { state, without } = machine();
  expect(without.describe().sameSwitch).toEqual({ how: 'none', why: 'nft is not installed' });
  await without.set(PAIR, signal);
  for (const [text, how] of [
    ['1\n1\n', 'bridge-nf'],
    ['1\n0\n', 'none'],
    ['', 'none'],
    ['1\n1', 'bridge-nf'],
  ] as const) {
    state.bridgeNf = text;
    await without.check(signal);
    expect(without.describe().sameSwitch?.how).toBe(how);
  }
});

test.each([
  ['br-lan', { how: 'table' }, true],
  ['br-lan/10', { how: 'table' }, true],
  ['br-lan', { how: 'bridge-nf' }, true],
  ['br-lan/10', { how: 'bridge-nf' }, false],
  ['br-lan', { how: 'none', why: '' }, false],
  ['eth1', { how: 'table' }, false],
  ['eth1/10', { how: 'table' }, false],
] as const)('behind %s, %j', (name, how, sees) => {
  expect(seesInside(name, new Set(['br-lan']), how)).toBe(sees);
});
