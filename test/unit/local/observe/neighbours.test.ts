import { expect, test } from 'vitest';
import { NeighbourTable } from '../../../../src/local/observe/neighbour-table.ts';
import { parseArpLine, parseNeighbourLine } from '../../../../src/local/observe/neighbours.ts';
import { fixtureLines } from './fixture.ts';

const [TV, CAMERA] = ['02:00:00:00:01:01', '02:00:00:00:01:02'];

test.each(['ip-neigh-show.txt', 'busybox-ip-neigh.txt'])('%s is read whole, in either form', (file) => {
  const lines = fixtureLines(`neighbours/${file}`);
  const entries = lines.map((line) => parseNeighbourLine(line));
  expect(entries).toHaveLength(9);
  expect(entries.filter((entry) => entry === undefined)).toEqual([]);
  expect(entries[0]).toEqual({ address: '192.168.77.12', interface: 'br-lan', mac: CAMERA, state: 'stale' });
  expect(entries[1]).toEqual({
    address: '192.168.77.108',
    interface: 'br-lan',
    mac: undefined,
    state: 'gone',
  });
});

test('ip monitor neigh: arrivals and deletions', () => {
  const entries = fixtureLines('neighbours/ip-monitor-neigh.txt').map((line) => parseNeighbourLine(line));
  expect(entries).toHaveLength(14);
  expect(entries.filter((entry) => entry?.state === 'confirmed')).toEqual([
    { address: '192.168.77.12', interface: 'br-lan', mac: CAMERA, state: 'confirmed' },
    { address: 'fd77::12', interface: 'br-lan', mac: CAMERA, state: 'confirmed' },
  ]);
  expect(entries.filter((entry) => entry?.state === 'gone')).toHaveLength(12);
});

test('/proc/net/arp: the incomplete entry is gone, the heading is nothing', () => {
  const entries = fixtureLines('neighbours/proc-net-arp.txt').map((line) => parseArpLine(line));
  expect(entries[0]).toBeUndefined();
  expect(entries[1]).toEqual({ address: '192.168.77.12', interface: 'br-lan', mac: CAMERA, state: 'stale' });
  expect(entries[2]?.state).toBe('gone');
});

test.each([
  ['[NEIGH]192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 REACHABLE', 'confirmed'],
  ['[2026-11-21T10:00:00.123456] 192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 DELAY', 'stale'],
  ['192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 router STALE', 'stale'],
  ['192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 extern_learn  REACHABLE', 'confirmed'],
  ['192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 PERMANENT', 'confirmed'],
  ['192.168.77.12 dev br-lan  INCOMPLETE', 'gone'],
  ['192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 FAILED', 'gone'],
  ['Deleted 192.168.77.12 dev br-lan lladdr 02:00:00:00:01:02 STALE', 'gone'],
])('%s → %s', (line, state) => {
  expect(parseNeighbourLine(line)?.state).toBe(state);
});

test.each([
  '',
  'Deleted',
  'default via 203.0.113.2 dev wan0',
  '192.168.77.300 dev br-lan lladdr 02:00:00:00:01:02 STALE',
  '192.168.77.12 dev br-lan proxy',
  '224.0.0.22 dev br-lan lladdr 01:00:5e:00:00:16 NOARP',
  'FE80::1%eth0 dev br-lan lladdr 02:00:00:00:01:02 STALE',
  `192.168.77.12 dev ${'x'.repeat(600)} lladdr 02:00:00:00:01:02 STALE`,
])('%s is nothing', (line) => {
  expect(parseNeighbourLine(line)).toBeUndefined();
});

test('addresses and MACs become canonical', () => {
  expect(parseNeighbourLine('FD77:0::0:12 dev br-lan lladdr 02:00:00:00:01:0A STALE')).toMatchObject({
    address: 'fd77::12',
    mac: '02:00:00:00:01:0a',
  });
});

function entry(mac: string | undefined, state: 'confirmed' | 'stale' | 'gone') {
  return { address: '192.168.77.11', interface: 'br-lan', mac, state } as const;
}

test('what has been stale since who knows when takes nothing away; what is confirmed or new does', () => {
  const table = new NeighbourTable();
  expect(table.reading([entry(TV, 'stale')])).toMatchObject([{ mac: TV, present: true, fresh: false }]);
  expect(table.reading([entry(TV, 'stale')])).toEqual([]);
  expect(table.reading([entry(TV, 'confirmed')])).toMatchObject([{ present: true, fresh: false }]);
  expect(table.note(entry(CAMERA, 'stale'), true)).toMatchObject({ mac: CAMERA, fresh: true });
  expect(table.reading([entry(TV, 'stale')])).toEqual([]);
  table.beginReading();
  expect(table.reading([entry(TV, 'stale')])).toMatchObject([{ mac: TV, fresh: true }]);
});

test('a confirmed entry is fresh at first sight', () => {
  expect(new NeighbourTable().reading([entry(TV, 'confirmed')])).toMatchObject([{ fresh: true }]);
});

test('gone: once, with the MAC it had; also when a reading no longer has it', () => {
  const table = new NeighbourTable();
  expect(table.note(entry(undefined, 'gone'), true)).toBeUndefined();
  table.note(entry(TV, 'confirmed'), true);
  expect(table.note(entry(undefined, 'gone'), true)).toMatchObject({ mac: TV, present: false });
  table.note(entry(TV, 'confirmed'), true);
  table.beginReading();
  expect(table.reading([])).toMatchObject([{ mac: TV, present: false }]);
  expect(table.size).toBe(0);
});

test('news that came while the kernel was being asked is newer than its answer', () => {
  const table = new NeighbourTable();
  table.reading([entry(TV, 'confirmed')]);
  table.beginReading();
  table.note(entry(CAMERA, 'confirmed'), true);
  expect(table.reading([entry(TV, 'confirmed')])).toEqual([]);
});

test('the table is bounded and counts what it did not take', () => {
  const table = new NeighbourTable();
  for (let i = 0; i < 20_000; i++) {
    table.note({ ...entry(TV, 'confirmed'), address: `10.0.${i >> 8}.${i & 255}` }, true);
  }
  expect(table.size).toBe(16_384);
  expect(table.dropped).toBe(20_000 - 16_384);
});
