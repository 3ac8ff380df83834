import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Enforcer } from '../../../../src/local/enforce/enforcer.ts';
import { FakeBackend } from '../../../../src/local/enforce/fake-backend.ts';
import { decodeHalt, encodeHalt, type Halt, leftOf } from '../../../../src/local/enforce/halt.ts';
import { Halts, momentOf, readHalt } from '../../../../src/local/enforce/halts.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { blockSet, owner } from './block-sets.ts';
import { settle } from './scripted-exec.ts';

const { signal } = new AbortController();
const blocked = blockSet([owner('1', ['192.168.1.20'], ['203.0.113.7'])]);
const MINUTE = 60_000;
/** The machine's boot: {@link reboot} begins another one. */
let boot = { boot: 'one', ms: 0 };
const bootTime = () => ({ boot: boot.boot, ms: clock.monotonic() - boot.ms });
const reboot = () => {
  boot = { boot: 'another', ms: clock.monotonic() };
};
const tenMinutes = (at: number): Halt => ({ kind: 'suspended', by: 'anna', at, until: at + 10 * MINUTE });

let folder: string;
let path: string;
let clock: FakeClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-halts-'));
  path = join(folder, 'halt');
  clock = new FakeClock();
  boot = { boot: 'one', ms: 0 };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An agent's enforcement; another one on the same folder is the agent after a restart. */
async function begin() {
  const backend = new FakeBackend();
  const halts = new Halts({ path, clock, bootTime, log: silentLog });
  const applied: string[] = [];
  const enforcer = new Enforcer({
    backend,
    desired: () => ({ state: 'one', blockSet: blocked }),
    onApplied: (state) => applied.push(state),
    clock,
    log: silentLog,
    halted: () => halts.now(),
  });
  halts.open(() => enforcer.notify());
  await enforcer.start(signal);
  enforcer.notify();
  await settle();
  const blocks = () => backend.blocks('192.168.1.20', '203.0.113.7');
  return { backend, halts, enforcer, applied, blocks };
}

describe('a halt', () => {
  it('of a while blocks nothing, and ends by itself', async () => {
    const { halts, enforcer, blocks } = await begin();
    expect(blocks()).toBe(true);
    halts.set(tenMinutes(clock.now()));
    await enforcer.settled();
    expect(blocks()).toBe(false);
    expect(enforcer.health()).toMatchObject({
      enforcing: false,
      halted: { kind: 'suspended', secondsLeft: 600 },
    });
    await clock.advance(9 * MINUTE);
    await settle();
    expect(blocks()).toBe(false);
    await clock.advance(MINUTE);
    await settle();
    expect(blocks()).toBe(true);
    expect(enforcer.health()).toMatchObject({ enforcing: true, halted: undefined });
    expect(existsSync(path)).toBe(false);
  });

  it('outlives the agent, for as long as it had left', async () => {
    const before = await begin();
    before.halts.set(tenMinutes(clock.now()));
    await before.enforcer.stop();
    before.halts.stop();
    await clock.advance(4 * MINUTE);
    const after = await begin();
    expect(after.blocks()).toBe(false);
    expect(after.halts.now()).toMatchObject({ by: 'anna', secondsLeft: 360 });
    await clock.advance(6 * MINUTE);
    await settle();
    expect(after.blocks()).toBe(true);
  });

  it.each([
    ['the machine stays up', () => undefined, 360],
    ['the machine is started again', reboot, 0],
  ])(
    'outlives the agent while its clock goes back a day and %s: it never lasts longer',
    async (_, then, left) => {
      const before = await begin();
      before.halts.set(tenMinutes(clock.now()));
      await before.enforcer.stop();
      before.halts.stop();
      await clock.advance(4 * MINUTE);
      clock.setWall(clock.now() - 24 * 60 * MINUTE);
      then();
      const after = await begin();
      expect(after.halts.now()?.secondsLeft ?? 0).toBe(left);
      await clock.advance(left * 1000);
      await settle();
      expect(after.blocks()).toBe(true);
    },
  );

  it('without an end lasts until somebody lifts it, also over restarts', async () => {
    const before = await begin();
    before.halts.set({ kind: 'cleared', by: 'anna', at: clock.now() });
    await before.enforcer.stop();
    await clock.advance(40 * 24 * 60 * MINUTE);
    const { halts, enforcer, blocks } = await begin();
    expect(blocks()).toBe(false);
    halts.lift('anna');
    await enforcer.settled();
    expect(blocks()).toBe(true);
    expect(existsSync(path)).toBe(false);
  });

  it('lets a change be acknowledged: nobody waits for a kernel that is not asked', async () => {
    const { halts, enforcer, applied } = await begin();
    halts.set(tenMinutes(clock.now()));
    await enforcer.settled();
    expect(applied).toEqual(['one', 'one']);
  });

  it('is tried again while the kernel does not let go', async () => {
    const { backend, halts, enforcer, blocks } = await begin();
    const clear = backend.clear.bind(backend);
    backend.clear = async () => {
      throw new Error('busy');
    };
    halts.set(tenMinutes(clock.now()));
    await enforcer.settled();
    expect(enforcer.health()).toMatchObject({ lastError: 'busy', halted: { kind: 'suspended' } });
    backend.clear = clear;
    await clock.advance(30_000);
    await settle();
    expect(blocks()).toBe(false);
  });

  it('holds until the agent ends where it cannot be kept', async () => {
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file in its place');
    const halts = new Halts({ path, clock, bootTime, log: silentLog });
    halts.open(() => undefined);
    expect(() => halts.set(tenMinutes(clock.now()))).not.toThrow();
    expect(halts.now()).toMatchObject({ kind: 'suspended' });
  });
});

describe('the file of a halt', () => {
  it.each([
    ['nothing', ''],
    ['rubbish', 'off'],
    ['a flipped bit', encodeHalt({ kind: 'cleared', by: 'anna', at: 1 }).replace('anna', 'anno')],
    ['a part of one', encodeHalt({ kind: 'cleared', by: 'anna', at: 1 }).slice(0, -4)],
    ['another version', encodeHalt({ kind: 'cleared', by: 'anna', at: 1 }).replace('halt/1', 'halt/2')],
  ])('with %s halts nothing', (_, text) => {
    writeFileSync(path, text);
    expect(readHalt(path, momentOf(clock, bootTime), silentLog)).toBeUndefined();
  });

  it('is no reason to fail when it is a folder', () => {
    expect(readHalt(folder, momentOf(clock, bootTime), silentLog)).toBeUndefined();
  });

  it('says what was written, and never throws for anything else', () => {
    const text = encodeHalt(tenMinutes(5));
    expect(decodeHalt(text)).toEqual({ halt: tenMinutes(5) });
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (at, other) => {
        const spoilt = text.slice(0, at) + other + text.slice(at + other.length);
        if (spoilt !== text) expect(decodeHalt(spoilt)).toHaveProperty('wrong');
      }),
    );
    fc.assert(fc.property(fc.string(), (rubbish) => 'wrong' in decodeHalt(rubbish)));
    fc.assert(fc.property(fc.json(), (json) => 'wrong' in decodeHalt(json)));
  });

  it('is small and for its owner', () => {
    const halts = new Halts({ path, clock, bootTime, log: silentLog });
    halts.open(() => undefined);
    halts.set(tenMinutes(clock.now()));
    expect(readFileSync(path, 'utf8').length).toBeLessThan(300);
    halts.stop();
  });

  it.each([
    ['now', 1_000, 10 * MINUTE],
    ['in the middle', 1_000 + 4 * MINUTE, 6 * MINUTE],
    ['after its end', 1_000 + 11 * MINUTE, 0],
    ['before it began: the clock went back', 999, 0],
  ])('read %s has so much left', (_, now, left) => {
    expect(leftOf(tenMinutes(1_000), { wall: now, boot: undefined })).toBe(left);
  });

  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
    ['back to 1970', -1e12],
  ])('with a clock that went %s meanwhile has as much left as without', (_, jump) => {
    const wall = 2e12;
    const halt = { ...tenMinutes(wall), ends: { boot: 'one', ms: 5_000 + 10 * MINUTE } } as Halt;
    const at = { wall: wall + 4 * MINUTE + jump, boot: { boot: 'one', ms: 5_000 + 4 * MINUTE } };
    expect(leftOf(halt, at)).toBe(6 * MINUTE);
  });

  it('never lasts longer than a day', () => {
    expect(leftOf({ kind: 'suspended', by: 'a', at: 0, until: 1e15 }, { wall: 10, boot: undefined })).toBe(
      86_400_000 - 10,
    );
    const ends = { boot: 'one', ms: 1e15 };
    const halt: Halt = { kind: 'suspended', by: 'a', at: 0, until: 1e15, ends };
    expect(leftOf(halt, { wall: 10, boot: { boot: 'one', ms: 1 } })).toBe(86_400_000);
  });
});
