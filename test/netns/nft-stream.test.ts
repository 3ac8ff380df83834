import { describe, expect, test } from 'vitest';
import type { BlockSet } from '../../src/policy/block-set.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner, type Wide } from '../unit/local/enforce/block-sets.ts';
import { sleep } from './enforce-world.ts';
import { during, open, signal, theWorld, type Way } from './nft-world.ts';

const { tv, ads, video } = names;
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
/** Packets a second. */
const RATE = 20_000;

const many = Array.from({ length: 200 }, (_, i) =>
  owner(
    `${i + 1000}`,
    [`192.168.1.${i + 40}`, `2001:db8:1::${(i + 64).toString(16)}`],
    [ads.v4, video.v6],
    [`02:00:00:00:00:${(i + 10).toString(16).padStart(2, '0')}`],
  ),
);
const ALL = blockSet([...many.slice(0, 100), TV, ...many.slice(100)]);
/** IPv4, IPv6, and an address that nobody knows, by its MAC. */
const BLOCKED: readonly Way[] = [
  [tv.v4, ads.v4],
  [tv.v6, ads.v6],
  [tv.newV4, ads.v4],
];
const NOT_BLOCKED: readonly Way[] = [
  [tv.v4, video.v4],
  [tv.v6, video.v6],
];

describe('20,000 blocked packets a second of IPv4, IPv6 and by MAC', () => {
  test('pass when nothing is blocked (the control)', async () => {
    await (await open()).set(blockSet([]), signal);
    const { sent, passed } = await during(BLOCKED, RATE, () => sleep(300));
    expect(passed).toBeGreaterThan(sent * 0.5);
  });

  test('none passes while agents restart and owners come and go', async () => {
    const backend = await open();
    await backend.set(ALL, signal);
    const { sent, passed } = await during(BLOCKED, RATE, async () => {
      for (let n = 0; n < 2; n++) expect((await (await open()).set(ALL, signal)).did).toBe('resync');
      expect((await backend.set(blockSet([TV]), signal)).did).toBe('update');
      expect((await backend.set(ALL, signal)).did).toBe('update');
      expect((await backend.set(blockSet([...many.slice(50), TV]), signal)).did).toBe('update');
      expect(await backend.check(signal)).toEqual([]);
    });
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });

  test('none passes while the backend changes, both ways', async () => {
    await (await open('ipset')).set(ALL, signal);
    const { run } = theWorld();
    const { sent, passed } = await during(BLOCKED, RATE, async () => {
      await (await open('nftables')).set(ALL, signal);
      expect(await run('router', 'ipset', 'list', '-name')).toBe('');
      expect(await run('router', 'iptables-legacy-save')).not.toMatch(/HEDGEROW|HR-/);
      await (await open('ipset')).set(ALL, signal);
      expect(await run('router', 'nft', 'list', 'tables', 'inet')).toBe('');
    });
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });
});

describe('while one kind of block takes the place of another', () => {
  const blocked = (wide: Wide, remotes: string[] = [], everyone: string[] = []): BlockSet =>
    blockSet([owner('1', [tv.v4, tv.v6], remotes, [tv.mac], wide)], { everyone });
  /** Each of these blocks ads for the TV, and lets it reach the video. */
  const eitherWay: readonly BlockSet[] = [
    blocked({}, [ads.v4, ads.v6]),
    blocked({ internet: true, exceptions: [video.v4, video.v6] }),
    blocked({ networks: [`${ads.v4}/32`, '2001:db8:f::/125'] }),
    blocked({ internet: true, lan: true, exceptedNetworks: ['203.0.113.8/31', '2001:db8:f::8/128'] }),
    blocked({ exceptions: [video.v4, video.v6] }, [], [ads.v4, ads.v6, video.v4, video.v6]),
    blocked({ networks: ['0.0.0.0/0', '::/0'], exceptedNetworks: ['203.0.113.8/29', '2001:db8:f::8/125'] }),
  ];
  const none = blockSet([]);

  /** Each of them after each of some others. */
  const change = async (...apart: number[]): Promise<void> => {
    const backend = await open();
    for (const by of apart)
      for (const [i, first] of eitherWay.entries()) {
        await backend.set(first, signal);
        await backend.set(eitherWay[(i + by) % eitherWay.length] ?? none, signal);
      }
    expect(await backend.check(signal)).toEqual([]);
  };

  test('nothing of what both block passes', { timeout: 120_000 }, async () => {
    await (await open()).set(eitherWay[0] ?? none, signal);
    const { sent, passed } = await during(BLOCKED, 5_000, () => change(1, 2, 3));
    expect(sent).toBeGreaterThan(3_000);
    expect(passed).toBe(0);
  });

  test('all of what neither blocks passes', { timeout: 120_000 }, async () => {
    await (await open()).set(eitherWay[0] ?? none, signal);
    const counted = await countThrough();
    const { sent } = await during(NOT_BLOCKED, 5_000, () => change(4, 5));
    expect(sent).toBeGreaterThan(3_000);
    const { before, behind } = await counted();
    expect(before).toBeGreaterThan(3_000);
    expect(behind).toBe(before);
  });

  /** Counts the packets before and behind our table. */
  async function countThrough() {
    const { run } = theWorld();
    const rules = ['before', 'behind'].flatMap((chain) => [
      `add chain inet count ${chain} { type filter hook ${chain === 'before' ? 'prerouting' : 'postrouting'} priority 0; }`,
      `add rule inet count ${chain} udp dport 9000 counter`,
    ]);
    await run('router', 'nft', ['add table inet count', ...rules].join('; '));
    return async () => {
      const text = await run('router', 'nft', 'list table inet count');
      const [before = -1, behind = -2] = [...text.matchAll(/counter packets (\d+)/g)].map(([, n]) =>
        Number(n),
      );
      return { before, behind };
    };
  }
});
