import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../lab/ask.ts';
import type { House } from '../../lab/house-api.ts';
import { makeTopology } from '../../lab/topology.ts';
import { block, raiseHome, stream, ways } from './home.ts';

const BLOCKED = ['203.0.113.20,7', '2001:db8:cb00::20,7'];

describe('one router that crashes and restarts', () => {
  let house: House;
  beforeAll(async () => {
    house = await raiseHome('test-crash', makeTopology(1));
    await house.count('leak4', 'ip daddr 203.0.113.20 udp dport 7');
    await house.count('leak6', 'ip6 daddr 2001:db8:cb00::20 udp dport 7');
    await block(house, 'attic', 'tv', 'ads.example');
  });
  afterAll(async () => {
    await house?.down();
  });

  const leaked = async () => {
    const { leak4, leak6 } = await house.counts();
    return [leak4, leak6];
  };

  it('keeps what was blocked blocked while nobody runs', async () => {
    const before = await leaked();
    await house.kill('attic', 'SIGKILL');
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    expect(await ways(house, 'tv', 'video.example')).not.toEqual([]);
    await house.start('attic');
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    expect(await leaked()).toEqual(before);
  });

  it('loses no acknowledged change when it is killed right after the answer', async () => {
    // What a kill can do to the store at any moment is test/durability/kills.test.ts.
    for (let n = 0; n < 2; n++) {
      await block(house, 'attic', 'console', `kill${n}.example`);
      await house.kill('attic', 'SIGKILL');
      await house.start('attic');
      const policies = await ask<{ b: { label: string } }[]>(house, 'attic', 'policies');
      expect(policies.map(({ b }) => b.label)).toContain(`kill${n}.example`);
    }
  });

  it('lets no packet pass while it restarts with 200 policies, under 5,000 packets a second', async () => {
    for (let n = 0; n < 197; n += 20) {
      const some = Array.from({ length: Math.min(20, 197 - n) }, (_, i) => n + i);
      await Promise.all(some.map((i) => block(house, 'attic', i % 2 ? 'tv' : 'console', `192.0.2.${i + 1}`)));
    }
    expect(await ask<unknown[]>(house, 'attic', 'policies')).toHaveLength(200);
    const before = await leaked();
    const stop = await stream(house, 'tv', 2_500, BLOCKED);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await house.kill('attic', signal);
      await house.start('attic');
    }
    const sent = (await stop()).reduce((sum, one) => sum + one.sent, 0);
    expect(sent).toBeGreaterThan(5_000);
    expect(await leaked()).toEqual(before);
    expect(await ways(house, 'tv', 'video.example')).not.toEqual([]);
  });

  it('puts the last plan in force at boot, without agent and store', async () => {
    await house.kill('attic', 'SIGTERM');
    await house.must('attic', [
      'bash',
      '-c',
      'iptables-legacy -t mangle -F; iptables-nft -t mangle -F; ip6tables-legacy -t mangle -F; ip6tables-nft -t mangle -F',
    ]);
    expect(await ways(house, 'tv', 'ads.example')).not.toEqual([]);
    await house.must('attic', ['hedgerow', 'restore']);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
    expect(await ways(house, 'tv', 'video.example')).not.toEqual([]);
    await house.start('attic');
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
  });

  it('puts right what somebody else takes out of the kernel', async () => {
    await house.must('attic', [
      'bash',
      '-c',
      'iptables-legacy -t mangle -F FORWARD; iptables-nft -t mangle -F FORWARD',
    ]);
    const repaired = async () =>
      (await ask<{ enforcement: { driftRepairs: number } }>(house, 'attic', 'status')).enforcement
        .driftRepairs;
    await expect.poll(repaired, { timeout: 30_000, interval: 250 }).toBeGreaterThan(0);
    expect(await ways(house, 'tv', 'ads.example')).toEqual([]);
  });
});
