import { describe, expect, it } from 'vitest';
import { Fresh } from '../../../../src/mqtt/topics/fresh.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

describe('what costs to make', () => {
  it('is made anew when its version has grown, and after a while', async () => {
    const clock = new FakeClock();
    let made = 0;
    const fresh = new Fresh(async () => ++made, { clock, mostMs: 10_000 });
    expect(fresh.value).toBeUndefined();
    expect([await fresh.renew(1), await fresh.renew(1), await fresh.renew(2), fresh.value]).toEqual([
      true,
      false,
      true,
      2,
    ]);
    await clock.advance(9_999);
    expect(await fresh.renew(2)).toBe(false);
    await clock.advance(1);
    expect(await fresh.renew(2)).toBe(true);
  });

  it('rests the longer the more it cost, but not for ever', async () => {
    const clock = new FakeClock();
    let costs = 100;
    const fresh = new Fresh(async () => await clock.sleep(costs), { clock, mostMs: 10_000 });
    const renew = async (version: number) => {
      const done = fresh.renew(version);
      await clock.advance(costs);
      return await done;
    };
    expect(await renew(1)).toBe(true);
    await clock.advance(4_800);
    expect(await renew(2)).toBe(false);
    costs = 1_000;
    await clock.advance(100);
    expect(await renew(3)).toBe(true);
    await clock.advance(9_000);
    expect(await renew(4)).toBe(false);
    expect(await renew(4)).toBe(true);
  });

  it('stays as it was when making it fails', async () => {
    const clock = new FakeClock();
    let fails = false;
    const make = async () => {
      if (fails) throw new Error('no');
      return 1;
    };
    const fresh = new Fresh(make, { clock, mostMs: 10_000 });
    await fresh.renew(1);
    fails = true;
    await expect(fresh.renew(2)).rejects.toThrow('no');
    expect(fresh.value).toBe(1);
    fails = false;
    expect(await fresh.renew(2)).toBe(true);
  });
});
