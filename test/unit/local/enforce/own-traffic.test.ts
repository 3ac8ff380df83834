import { describe, expect, test } from 'vitest';
import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { NftBackend } from '../../../../src/local/enforce/nft/nft-backend.ts';
import { OwnTraffic } from '../../../../src/local/enforce/own-traffic.ts';
import { silentLog } from '../../../../src/log.ts';
import { type BlockSet, ROUTER } from '../../../../src/policy/block-set.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner } from './block-sets.ts';
import { ScriptedExec } from './scripted-exec.ts';

const { signal } = new AbortController();
const ADS = '203.0.113.7';
const THERE = '{"nftables": [{"table": {"family": "inet", "name": "hedgerow_own"}}]}';
const DEVICES = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.8'])]);
const asked = (remotes: string[]): BlockSet => ({
  ...DEVICES,
  own: { ...owner('1', ['198.51.100.1'], remotes), id: ROUTER },
});

/** A tool that has the table once it was made, until it is deleted; it may be broken. */
function machine() {
  const state = { there: false, broken: false };
  const exec = new ScriptedExec((argv, input) => {
    if (state.broken) return { code: 1, stderr: 'Operation not permitted' };
    if (input?.includes('add chain inet hedgerow_own ')) state.there = true;
    else if (input?.includes('delete table inet hedgerow_own\n')) state.there = false;
    return argv.includes('list') ? { stdout: state.there ? THERE : '{"nftables": []}' } : {};
  });
  const clock = new FakeClock();
  const inner = new FakeBackend();
  const common = { exec, clock, log: silentLog };
  const ports = { served: [22, 4411], members: [4411], tracked: false };
  const table = new NftBackend({ ...common, wan: ['wan1', 'ppp+'], why: 'a test', of: 'own', ports });
  const own = new OwnTraffic(inner, { ...common, table, why: '' });
  const without = new OwnTraffic(inner, { ...common, table: undefined, why: 'enforce.ownTraffic is off' });
  return { exec, state, inner, own, without };
}

describe('with a table for the router itself', () => {
  test('the table stands under one address for whichever the router has, on interfaces to the internet alone', async () => {
    const { exec, inner, own } = machine();
    const want = asked([ADS]);
    expect((await own.set(want, signal)).did).toBe('resync');
    expect(inner.blocksOwn(ADS)).toBe(true);
    const wrote = exec.ran.find(({ input }) => input?.includes('add chain inet hedgerow_own '))?.input ?? '';
    expect(wrote).toContain(`add element inet hedgerow_own p4 { 127.0.0.1 . ${ADS} }\n`);
    expect(wrote).not.toContain('198.51.100.1');
    expect(wrote).not.toContain('203.0.113.8');
    expect(wrote).not.toContain('hook forward');
    const atHooks = wrote.split('\n').filter((line) => line.startsWith('add rule inet hedgerow_own on_'));
    expect(atHooks).toEqual(
      ['input iifname', 'output oifname'].flatMap((hook) =>
        ['"ppp*"', '"wan1"'].map(
          (name) =>
            `add rule inet hedgerow_own on_${hook} ${name} goto own_${hook.startsWith('in') ? 'in' : 'out'}`,
        ),
      ),
    );
    const ran = exec.ran.length;
    expect((await own.set(want, signal)).did).toBe('unchanged');
    expect(exec.ran).toHaveLength(ran);
    expect(own.plan()).toBeUndefined();
    await own.stop();
  });

  test('goes with the last policy about the router, which the plan for the next boot is told of', async () => {
    const { state, own } = machine();
    await own.set(asked([ADS]), signal);
    expect(state.there).toBe(true);
    expect((await own.set(DEVICES, signal)).did).toBe('update');
    expect(state.there).toBe(false);
    expect((await own.set(DEVICES, signal)).did).toBe('unchanged');
    await own.stop();
  });

  test('it does not wait for what is forwarded, nor is drift lost when one of the two cannot be looked at', async () => {
    const { state, inner, own } = machine();
    inner.fail(new Error('ipset: no'));
    await expect(own.set(asked([ADS]), signal)).rejects.toThrow('ipset: no');
    expect(state.there).toBe(true);
    inner.fail(undefined);
    await own.set(asked([ADS]), signal);
    inner.disturb();
    state.broken = true;
    expect((await own.check(signal)).map(({ name }) => name)).toEqual(['HEDGEROW']);
    await own.stop();
  });

  test('what is not in force is not acknowledged, nor what could not be lifted', async () => {
    const { state, own } = machine();
    state.broken = true;
    await expect(own.set(asked([ADS]), signal)).rejects.toMatchObject({ name: 'TemporaryError' });
    state.broken = false;
    await own.set(asked([ADS]), signal);
    state.broken = true;
    await expect(own.set(DEVICES, signal)).rejects.toMatchObject({ name: 'TemporaryError' });
    state.broken = false;
    await own.set(DEVICES, signal);
    expect(state.there).toBe(false);
    await own.stop();
  });
});

describe('where nobody asks for it', () => {
  test('what an earlier life of the agent has left goes, once', async () => {
    const { exec, state, without } = machine();
    state.there = true;
    await without.set(asked([ADS]), signal);
    expect(state.there).toBe(false);
    const ran = exec.ran.length;
    await without.set(DEVICES, signal);
    expect(exec.ran).toHaveLength(ran);
    expect(without.describe().own).toEqual({ how: 'none', why: 'enforce.ownTraffic is off' });
  });

  test('a tool that is broken is in the way of nothing else', async () => {
    const { state, inner, without } = machine();
    state.broken = true;
    await without.set(DEVICES, signal);
    expect(inner.kernel).toEqual(DEVICES);
    // Who clears wants all of it gone.
    await expect(without.clear(signal)).rejects.toMatchObject({ name: 'TemporaryError' });
  });
});
