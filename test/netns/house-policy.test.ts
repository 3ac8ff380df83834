import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { timeUntil, until } from '../../lab/wait.ts';
import { block, type Change, EVERY_WAY, raiseHome, unblock, ways } from './home.ts';

const V4 = ['icmp4', 'tcp4', 'udp4'];

describe('the policy book in a house', () => {
  let house: House;
  const change = (router: string, method: string, params: Record<string, unknown>) =>
    ask<Change>(house, router, method, { by: 'test', ...params });
  const none = async () => {
    for (const { id } of await ask<{ id: string }[]>(house, 'attic', 'policies'))
      await change('attic', 'unblock', { first: id }).catch(() => change('attic', 'unallow', { first: id }));
  };
  const macOf = (device: string) => house.topology.devices.find(({ name }) => name === device)?.mac ?? '';
  /** Whether a device gets an answer from an address. */
  const reaches = async (device: string, address: string) => {
    const host = address.includes(':') ? `[${address}]` : address;
    const { code } = await house.exec(device, [
      'curl',
      '-s',
      '-m',
      '1',
      '-o',
      '/dev/null',
      `http://${host}/`,
    ]);
    return code === 0;
  };
  beforeAll(async () => {
    house = await raiseHome('test-policy');
  });
  afterEach(none);
  afterAll(async () => {
    await house?.down();
  });

  it('blocks an address; the name that answers with it later is blocked with all its addresses, on every router', async () => {
    await house.setZone('late.example', ['203.0.113.61']);
    await block(house, 'attic', 'tv', '203.0.113.61');
    expect(await reaches('tv', '203.0.113.61')).toBe(false);
    // Seen on another router than the one where it was blocked and where the TV is.
    await house.must('phone', ['dig', '+short', 'A', 'late.example']);
    await house.setZone('late.example', ['203.0.113.61', '203.0.113.62']);
    expect(await reaches('tv', '203.0.113.62')).toBe(true);
    await house.must('phone', ['dig', '+short', 'A', 'late.example']);
    const took = await timeUntil(async () => !(await reaches('tv', '203.0.113.62')), {
      timeoutMs: 5_000,
      everyMs: 10,
    });
    expect(took).toBeLessThan(2_000);
    for (const router of ['kitchen', 'garage']) {
      await house.move('tv', router);
      expect(await reaches('tv', '203.0.113.62'), router).toBe(false);
      expect(await ways(house, 'tv', 'video.example'), router).toEqual(EVERY_WAY);
    }
    await house.move('tv', 'attic');
    await unblock(house, 'garage', macOf('tv'), 'late.example');
    expect(await reaches('tv', '203.0.113.61')).toBe(true);
    expect(await reaches('tv', '203.0.113.62')).toBe(true);
    expect(await ask(house, 'attic', 'policies')).toEqual([]);
  });

  it('cuts a device from the internet for a while, and lets through what it is allowed', async () => {
    const paused = await change('kitchen', 'pause', { what: macOf('tv'), for: '1h' });
    expect(paused).toMatchObject({ changed: true, enforced: true });
    expect(await ways(house, 'tv', 'video.example')).toEqual([]);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    expect(await ways(house, 'console', 'video.example')).toEqual(EVERY_WAY);
    // The router itself answers: names, and the time of day.
    await house.must('tv', ['dig', '+short', '+time=1', '+tries=1', 'A', 'video.example']);
    await change('garage', 'allow', { first: macOf('tv'), second: 'video.example' });
    expect(await ways(house, 'tv', 'video.example')).toEqual(EVERY_WAY);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    await none();
    expect(await ways(house, 'tv', 'ads.example')).toEqual(EVERY_WAY);
  });

  it('blocks networks and whole suffixes for everybody, but for who is excepted', async () => {
    await block(house, 'attic', '203.0.113.16/28');
    await change('kitchen', 'block', { first: '*.example', second: 'phone', confirm: true });
    expect(await ways(house, 'console', 'ads.example')).toEqual(EVERY_WAY.filter((way) => !V4.includes(way)));
    await house.must('phone', ['dig', '+short', 'A', 'tracker.example']);
    await house.must('phone', ['dig', '+short', 'AAAA', 'tracker.example']);
    await until('the suffix to cover a name that has just been asked for', async () => {
      return (await ways(house, 'phone', 'tracker.example')).length === 0;
    });
    await change('attic', 'allow', { first: 'console', second: '203.0.113.20' });
    expect(await ways(house, 'console', 'ads.example')).toEqual(EVERY_WAY);
    expect(await reaches('camera', '203.0.113.20')).toBe(false);
    await none();
    expect(await ways(house, 'camera', 'ads.example')).toEqual(EVERY_WAY);
  });

  it('blocks for a group: who is put in is blocked, who is taken out is not', async () => {
    await change('attic', 'group.add', { group: 'kids', subjects: ['tv'] });
    await block(house, 'kitchen', 'kids', 'tracker.example');
    expect(await ways(house, 'tv', 'tracker.example')).toEqual([]);
    expect(await ways(house, 'console', 'tracker.example')).toEqual(EVERY_WAY);
    await change('garage', 'group.add', { group: 'kids', subjects: [macOf('console')] });
    expect(await ways(house, 'console', 'tracker.example')).toEqual([]);
    await change('garage', 'group.remove', { group: 'kids', subjects: [macOf('tv')] });
    expect(await ways(house, 'tv', 'tracker.example')).toEqual(EVERY_WAY);
    expect(await ways(house, 'console', 'tracker.example')).toEqual([]);
  });

  it('ends a trial by itself, unless it is confirmed', async () => {
    await change('attic', 'block', { first: 'tv', second: 'ads.example', trial: '5s' });
    await change('garage', 'confirm', {});
    // Begun later: when this one ends, the other would have ended.
    await change('attic', 'block', { first: 'console', second: 'ads.example', trial: '5s' });
    expect(await ways(house, 'console', 'ads.example')).toEqual([]);
    await until('the trial to end', async () => (await ways(house, 'console', 'ads.example')).length === 6, {
      timeoutMs: 25_000,
    });
    await until('all to know', async () => {
      const lists = await Promise.all(
        ['attic', 'kitchen', 'garage'].map((router) => ask<unknown[]>(house, router, 'policies')),
      );
      return lists.every((list) => list.length === 1);
    });
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
  });

  it('goes on counting a timed block after a crash, and ends it everywhere', async () => {
    await change('attic', 'block', { first: 'tv', second: 'ads.example', for: '10s' });
    await house.kill('attic', 'SIGKILL');
    await house.start('attic');
    const [policy] = await ask<{ time: string }[]>(house, 'attic', 'policies');
    expect(policy?.time).toMatch(/ s/);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    await until('it to end', async () => (await ways(house, 'tv', 'ads.example')).length === 6, {
      timeoutMs: 25_000,
    });
    await until('all to know', async () => {
      const lists = await Promise.all(
        ['attic', 'kitchen', 'garage'].map((router) => ask<unknown[]>(house, router, 'policies')),
      );
      return lists.every((list) => list.length === 0);
    });
  });

  it('merges two devices, and lifts nothing when they are split again', async () => {
    await block(house, 'attic', 'tv', 'ads.example');
    const phone = macOf('phone');
    await change('attic', 'merge', { first: 'tv', second: phone });
    expect(await ways(house, 'phone', 'ads.example')).toEqual([]);
    await change('kitchen', 'split', { first: phone });
    expect(await ways(house, 'phone', 'ads.example')).toEqual([]);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    await unblock(house, 'garage', phone, 'ads.example');
    expect(await ways(house, 'phone', 'ads.example')).toEqual(EVERY_WAY);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
  });
});
