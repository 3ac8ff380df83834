import { describe, expect, it } from 'vitest';
import { Author, inOps } from '../../../src/control/author.ts';
import { Bucket } from '../../../src/control/bucket.ts';
import { block } from '../../../src/control/commands/block.ts';
import { unblock } from '../../../src/control/commands/unblock.ts';
import type { KernelGate } from '../../../src/control/kernel-gate.ts';
import { statusView } from '../../../src/control/views/status.ts';
import type { Record } from '../../../src/policy/records.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { blockOf, key, run } from '../../support/household.ts';
import { fakeParts, see } from '../../support/parts.ts';
import { blocks, how, TV, temporary, usage } from './two-devices.ts';

function limited(limits: { policies: number; changesPerHour: number; burst: number }) {
  const parts = fakeParts(key(0), undefined, limits);
  see(parts, TV, '192.168.1.20', 'tv');
  return parts;
}
const site = (n: number) => ({ ...how, first: 'tv', second: `site${n}.example` });

describe('the limits of an author', () => {
  it('so many changes at once, then so many a minute; what is refused is not written, and counted', async () => {
    const parts = limited({ policies: 100, changesPerHour: 360, burst: 2 });
    await block(parts, site(1));
    await block(parts, site(2));
    await expect(block(parts, site(3))).rejects.toEqual(temporary(/too many changes.*in 10 s/));
    // What changes nothing costs nothing.
    expect((await block(parts, site(1))).changed).toBe(false);
    await parts.clock.advance(10_000);
    await block(parts, site(3));
    expect(parts.author.refused).toBe(1);
    expect(blocks(parts)).toHaveLength(3);
  });

  it('do not bind what nobody asked for', async () => {
    const parts = limited({ policies: 100, changesPerHour: 60, burst: 1 });
    await block(parts, site(1));
    const over = [...parts.replica.live.keys()];
    await parts.author.write({ by: 'clock', over, automatic: true }, false);
    expect(blocks(parts)).toEqual([]);
  });

  it('so many live policies; to lift and to exchange is always allowed', async () => {
    const parts = limited({ policies: 2, changesPerHour: 1800, burst: 30 });
    await block(parts, site(1));
    await block(parts, site(2));
    await expect(block(parts, site(3))).rejects.toEqual(usage(/would have 3 policies/, 'limits.policies'));
    await block(parts, { ...site(1), reason: 'still' });
    await unblock(parts, { ...site(1), all: false });
    await block(parts, site(3));
    expect(blocks(parts)).toHaveLength(2);
  });

  it('one op: what does not go in is refused before it is signed', async () => {
    const parts = limited({ policies: 10_000, changesPerHour: 1800, burst: 30 });
    const add = Array.from({ length: 1_000 }, (_, n) => blockOf(n, 'a.example'));
    await expect(parts.author.write({ by: 'test', add }, false)).rejects.toEqual(
      usage(/too large for one op/),
    );
    for (const part of inOps(
      add.map((record): { over: string[]; add: Record[] } => ({ over: [], add: [record] })),
    ))
      await parts.author.write({ by: 'test', ...part }, false);
    expect(blocks(parts)).toHaveLength(1_000);
  });

  it('what other routers could not read is not signed', async () => {
    const parts = limited({ policies: 10, changesPerHour: 1800, burst: 30 });
    for (const long of [{ reason: '木'.repeat(100) }, { by: '木'.repeat(100) }])
      await expect(block(parts, { ...site(1), ...long })).rejects.toEqual(usage(/too long/));
    await block(parts, { ...site(1), reason: '木'.repeat(66) });
    expect(blocks(parts)).toHaveLength(1);
  });

  it('are told in the status', () => {
    const parts = limited({ policies: 2, changesPerHour: 1800, burst: 30 });
    const observer = { health: () => ({ lan: [], tracking: true, sources: [] }) };
    const view = statusView({ ...parts, observer: observer as unknown as typeof parts.observer });
    expect(view).toMatchObject({ changesRefused: 0, clock: { trusted: true } });
    expect(view.routers).toEqual({ members: 1, alive: 1, inStep: 1 });
  });

  it('tell a router that is no member that it is none of those there', () => {
    const parts = fakeParts(key(5));
    const observer = { health: () => ({ lan: [], tracking: true, sources: [] }) };
    const view = statusView({ ...parts, observer: observer as unknown as typeof parts.observer });
    expect(view.routers).toEqual({ members: 1, alive: 0, inStep: 0 });
  });
});

it('what is known of the nodes is told right before the change, once all of it is on disk', async () => {
  const told: string[] = [];
  const { replica, clock } = fakeParts(key(0), () => told.push('in force'));
  const author = new Author({
    replica,
    clock,
    ...{ key: key(0), run: run(8), limits: { policies: 10, changesPerHour: 60, burst: 10 } },
    kernel: { admitted: 1, reached: async () => 0 } as unknown as KernelGate,
    reachable: () => [],
    waitApplied: async () => new Map(),
    describe: () => {
      told.push('described');
      return () => told.push('nodes told');
    },
    durable: async () => void told.push('on disk'),
    announce: () => told.push('change told'),
  });
  await author.write({ by: 'test', add: [blockOf(1, 'a.example')] }, false);
  expect(told).toEqual(['in force', 'described', 'on disk', 'nodes told', 'change told']);
});

describe('a bucket', () => {
  it('never holds more than a burst, and tells when there is one again', async () => {
    const clock = new FakeClock();
    const bucket = new Bucket(clock, { perHour: 3_600, burst: 3 });
    await clock.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([0, 0, 0, 1]);
    await clock.advance(500);
    expect(bucket.take()).toBe(1);
    await clock.advance(500);
    expect(bucket.take()).toBe(0);
    expect(bucket.refused).toBe(2);
  });
});
