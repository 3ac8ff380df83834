import { expect, test } from 'vitest';
import { NeighbourSource } from '../../../../src/local/observe/neighbour-source.ts';
import type { Seen } from '../../../../src/local/observe/seen.ts';
import { silentLog } from '../../../../src/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ScriptedExec, settle } from './scripted-exec.ts';

const signal = new AbortController().signal;
const TABLE = '192.168.77.11 dev br-lan lladdr 02:00:00:00:01:01 REACHABLE\n';
/** BusyBox 1.35. */
const USAGE = 'BusyBox v1.35.0 (Debian 1:1.35.0-4) multi-call binary.\n\nUsage: ip [OPTIONS] address|route\n';

function made(exec: ScriptedExec) {
  const clock = new FakeClock();
  const seen: Seen[] = [];
  const log = silentLog;
  const source = new NeighbourSource({ exec, clock, log, onSeen: (more) => seen.push(...more) });
  return { clock, seen, source };
}

test('an `ip` that cannot monitor: the table is read more often, and nothing is started again and again', async () => {
  let table = TABLE;
  const exec = new ScriptedExec((command) =>
    command === 'ip monitor neigh' ? { code: 1, stderr: USAGE } : { stdout: table },
  );
  const { clock, seen, source } = made(exec);
  await source.start(signal);
  await settle();
  await clock.advance(60_000);
  expect(exec.calls.filter((command) => command.includes('monitor'))).toHaveLength(1);
  expect(source.health()).toMatchObject({ running: true, lastError: undefined, counters: { polledOnly: 1 } });
  expect(source.health().counters.readings).toBeGreaterThan(18);
  table = TABLE.replace('01:01', '01:02');
  await clock.advance(3_000);
  // It may have been read twice meanwhile; the second time it is no news any more.
  expect(seen).toContainEqual(expect.objectContaining({ mac: '02:00:00:00:01:02', fresh: true }));
  await source.stop();
});

test('with news of it the table is read every 10 s, and right after news may have been missed', async () => {
  const exec = new ScriptedExec((command) => (command === 'ip neigh show' ? { stdout: TABLE } : undefined));
  const { clock, source } = made(exec);
  const readings = () => source.health().counters.readings;
  await source.start(signal);
  await settle();
  await clock.advance(60_000);
  expect(readings()).toBeGreaterThanOrEqual(5);
  expect(readings()).toBeLessThanOrEqual(8);
  const before = readings() ?? 0;
  exec.child('monitor').exit(137);
  await settle();
  await clock.advance(4_000);
  expect(readings()).toBeGreaterThan(before);
  expect(source.health()).toMatchObject({ running: true, restarts: 1, counters: { polledOnly: 0 } });
  await source.stop();
});

test('what failed once is no longer told when it works', async () => {
  const exec = new ScriptedExec((command) => (command === 'ip monitor neigh' ? undefined : { code: 1 }));
  const { clock, source } = made(exec);
  await source.start(signal);
  await settle();
  expect(source.health().lastError).toContain('cannot read');
  exec.set((command) => (command === 'ip neigh show' ? { stdout: TABLE } : undefined));
  await clock.advance(15_000);
  expect(source.health().lastError).toBeUndefined();
  await source.stop();
});

test('what the kernel had remembered before it was first asked is told as such', async () => {
  let table = TABLE.replace('REACHABLE', 'STALE');
  const exec = new ScriptedExec((command) => (command === 'ip neigh show' ? { stdout: table } : undefined));
  const { clock, seen, source } = made(exec);
  await source.start(signal);
  await settle();
  expect(seen).toMatchObject([{ present: true, fresh: false, stale: true }]);
  table = TABLE;
  await clock.advance(12_000);
  exec.child('monitor').stdout.write('192.168.77.12 dev br-lan lladdr 02:00:00:00:01:03 STALE\n');
  await settle();
  expect(seen.slice(1).map(({ stale }) => stale)).toEqual([undefined, undefined]);
  await source.stop();
});
