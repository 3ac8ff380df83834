import { expect, test } from 'vitest';
import { PacketClock } from '../../../../src/local/replay/packet-clock.ts';

test('time is that of the packets, and begins with the first', () => {
  const clock = new PacketClock();
  expect([clock.first, clock.now(), clock.monotonic()]).toEqual([undefined, 0, 0]);
  clock.reach(1_000_000);
  expect([clock.first, clock.now(), clock.monotonic()]).toEqual([1_000_000, 1_000_000, 0]);
  clock.reach(1_000_250.5);
  expect([clock.now(), clock.monotonic()]).toEqual([1_000_250.5, 250.5]);
});

test('it never goes back', () => {
  const clock = new PacketClock();
  clock.reach(1_000);
  clock.reach(900);
  expect([clock.first, clock.now(), clock.monotonic()]).toEqual([1_000, 1_000, 0]);
});

test('timers run in their order when a packet is as late, at their own time', () => {
  const clock = new PacketClock();
  clock.reach(0);
  const ran: [string, number][] = [];
  const note = (name: string) => () => void ran.push([name, clock.monotonic()]);
  clock.after(300, note('late'));
  clock.after(100, () => {
    note('soon')();
    clock.after(50, note('then'));
  });
  clock.after(200, note('never')).clear();
  clock.reach(99);
  expect(ran).toEqual([]);
  clock.reach(1_000);
  expect(ran).toEqual([
    ['soon', 100],
    ['then', 150],
    ['late', 300],
  ]);
  expect(clock.monotonic()).toBe(1_000);
});

test('a sleep ends when its packet comes, or with its signal', async () => {
  const clock = new PacketClock();
  clock.reach(1);
  const stop = new AbortController();
  const [short, long] = [clock.sleep(10), clock.sleep(1_000, stop.signal)];
  clock.reach(12);
  await expect(short).resolves.toBeUndefined();
  stop.abort(new Error('enough'));
  await expect(long).rejects.toThrow('enough');
  await expect(clock.sleep(1, stop.signal)).rejects.toThrow('enough');
});
