import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { NOT_RESET } from '../../lab/streams.ts';
import { timeUntil, until } from '../../lab/wait.ts';
import { block, EVERY_WAY, raiseHome, stream, unblock, ways } from './home.ts';

describe('a block of the home', () => {
  let house: House;
  beforeAll(async () => {
    house = await raiseHome('test-block');
  });
  afterAll(async () => {
    await house?.down();
  });

  it('stops the TV from one service, every way, a running download too, and nothing else', async () => {
    expect(await ways(house, 'tv', 'ads.example')).toEqual(EVERY_WAY);
    await house.count('download', `ip daddr 203.0.113.20 tcp dport 80 ${NOT_RESET}`);
    const download = house.spawn('tv', [
      'curl',
      '-sN',
      '-o',
      '/dev/null',
      'http://203.0.113.20/stream?rate=200000',
    ]);
    await until('the download to flow', async () => ((await house.counts()).download ?? 0) > 20);

    const change = await block(house, 'attic', 'tv', 'ads.example');
    expect(change).toMatchObject({ changed: true, enforced: true });
    expect(change.routers.map(({ router, applied }) => [router, applied]).sort()).toEqual([
      ['attic', true],
      ['garage', true],
      ['kitchen', true],
    ]);
    const before = (await house.counts()).download;
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    expect((await house.counts()).download).toBe(before);
    await download.stop('SIGKILL');

    expect(await ways(house, 'tv', 'video.example')).toEqual(EVERY_WAY);
    expect(await ways(house, 'console', 'ads.example')).toEqual(EVERY_WAY);
    expect(await ways(house, 'phone', 'ads.example')).toEqual(EVERY_WAY);
  });

  it('is not made twice', async () => {
    expect(await block(house, 'kitchen', 'tv', 'ads.example')).toMatchObject({
      changed: false,
      enforced: true,
    });
    expect(await ask<unknown[]>(house, 'garage', 'policies')).toHaveLength(1);
  });

  it('follows the TV to another router, from its first packet where its address is new', async () => {
    for (const router of ['kitchen', 'garage']) {
      const name = `moved_${router}`;
      await house.count(`${name}4`, 'ip daddr 203.0.113.20 udp dport 7');
      await house.count(`${name}6`, 'ip6 daddr 2001:db8:cb00::20 udp dport 7');
      await house.move('tv', router);
      const stop = await stream(house, 'tv', 200, ['203.0.113.20,7', '2001:db8:cb00::20,7']);
      expect(await ways(house, 'tv', 'ads.example'), router).toEqual([]);
      expect(await ways(house, 'tv', 'video.example'), router).toEqual(EVERY_WAY);
      const sent = await stop();
      expect(Math.min(...sent.map((one) => one.sent))).toBeGreaterThan(50);
      const counts = await house.counts();
      expect([counts[`${name}4`], counts[`${name}6`]], router).toEqual([0, 0]);
    }
  });

  it("bites within a second when the console inherits another device's address", async () => {
    await block(house, 'attic', 'console', 'tracker.example');
    await house.count('heir4', 'ip daddr 203.0.113.30 udp dport 7');
    await house.count('heir6', 'ip6 daddr 2001:db8:cb00::30 udp dport 7');
    const held = await house.addresses('camera');
    if (held.ipv4 === undefined || held.ipv6 === undefined) throw new Error('the camera has no addresses');
    await house.exec('camera', ['ping', '-c', '1', '-W', '1', '2001:db8:cb00::10']);
    await house.must('camera', ['ip', 'addr', 'del', `${held.ipv6}/64`, 'dev', 'eth0']);
    await house.move('console', 'kitchen', { ipv4: held.ipv4, ipv6: held.ipv6 });
    const stop = await stream(house, 'console', 200, ['203.0.113.30,7', '2001:db8:cb00::30,7']);
    const quiet = async () => {
      const before = await house.counts();
      await house.exec('console', ['sleep', '0.2']);
      const after = await house.counts();
      return before.heir4 === after.heir4 && before.heir6 === after.heir6;
    };
    const took = await timeUntil(quiet, { timeoutMs: 5_000, everyMs: 1 });
    expect(took).toBeLessThan(1_000);
    expect(await ways(house, 'console', 'tracker.example')).toEqual([]);
    expect(await ways(house, 'console', 'video.example')).toEqual(EVERY_WAY);
    await stop();
    await unblock(house, 'attic', 'console', 'tracker.example');
  });

  it('covers an address that only another router has seen', async () => {
    await house.move('tv', 'attic');
    const addresses = [...(house.topology.zone['ads.example'] ?? []), '203.0.113.99', '2001:db8:cb00::99'];
    await house.setZone('ads.example', addresses);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    const reaches = async () =>
      (await house.exec('tv', ['curl', '-s', '-m', '1', 'http://203.0.113.99/'])).code === 0;
    expect(await reaches()).toBe(true);
    await house.must('phone', ['dig', '+short', 'A', 'ads.example']);
    await house.must('phone', ['dig', '+short', 'AAAA', 'ads.example']);
    expect(await timeUntil(async () => !(await reaches()), { timeoutMs: 5_000, everyMs: 10 })).toBeLessThan(
      2_000,
    );
    await until('IPv6 to be blocked too', async () => {
      const { code } = await house.exec('tv', ['curl', '-s', '-m', '1', 'http://[2001:db8:cb00::99]/']);
      return code !== 0;
    });
  });

  it('is lifted everywhere from any router', async () => {
    const change = await unblock(house, 'garage', 'tv', 'ads.example');
    expect(change.routers.every(({ applied }) => applied)).toBe(true);
    expect(change.routers).toHaveLength(3);
    expect(await ways(house, 'tv', 'ads.example')).toEqual(EVERY_WAY);
    for (const router of ['attic', 'kitchen', 'garage'])
      expect(await ask(house, router, 'policies')).toEqual([]);
  });

  it('can be for the whole home, and between two devices', async () => {
    await block(house, 'kitchen', 'tracker.example');
    for (const device of ['tv', 'phone', 'laptop', 'guest']) {
      expect(await ways(house, device, 'tracker.example'), device).toEqual([]);
      expect(await ways(house, device, 'video.example'), device).toEqual(EVERY_WAY);
    }
    await unblock(house, 'attic', 'tracker.example');
    expect(await ways(house, 'guest', 'tracker.example')).toEqual(EVERY_WAY);

    const { ipv6 } = await house.addresses('laptop');
    const reaches = async () =>
      (await house.exec('tv', ['ping', '-c', '1', '-W', '1', ipv6 ?? ''])).code === 0;
    expect(await reaches()).toBe(true);
    await house.must('laptop', ['ping', '-c', '1', '-W', '1', '2001:db8:cb00::10']);
    await block(house, 'garage', 'laptop', (await house.addresses('tv')).ipv6);
    await until('the pair to be apart', async () => !(await reaches()));
  });

  it('tells who else has an address that it covers', async () => {
    for (const name of ['shared-a.example', 'shared-b.example'])
      await house.must('tv', ['dig', '+short', name]);
    const affected = async () => (await block(house, 'attic', 'tv', 'shared-a.example')).alsoAffects;
    expect(await affected()).toEqual(['shared-b.example']);
  });
});
