import { expect, test } from 'vitest';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { Tracker } from '../../../../src/local/flows/tracker.ts';
import { AddressReader } from '../../../../src/local/observe/address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from '../../../../src/local/observe/conntrack.ts';

const BOTH = new Set([4, 6] as const);

function made() {
  const devices = new Map([['192.168.77.11', 'tv']]);
  const news: Sighting[] = [];
  const tracker = new Tracker(
    {
      isOwn: (address) => address === '203.0.113.1',
      isLan: (address) => address.startsWith('192.168.77.'),
      deviceAt: (address) => devices.get(address),
      remoteAt: (address) => address,
    },
    (one) => news.push(one),
  );
  const read = (...entries: ConntrackEntry[]): Sighting[] => {
    news.length = 0;
    tracker.begin();
    for (const entry of entries) tracker.note(entry);
    tracker.end(BOTH);
    return [...news];
  };
  return { devices, tracker, read };
}

function entry(up: string, down: string, { id = 'id=5', src = '192.168.77.11' } = {}): ConntrackEntry {
  const counts = (text: string) =>
    text === '' ? '' : `packets=${text.split('/')[0]} bytes=${text.split('/')[1]} `;
  const read = parseConntrackLine(
    `ipv4 2 tcp 6 9 ESTABLISHED src=${src} dst=198.51.100.7 sport=4000 dport=443 ${counts(up)}src=198.51.100.7 dst=203.0.113.1 sport=443 dport=4000 ${counts(down)}[ASSURED] use=1 ${id}`,
    new AddressReader(),
  );
  if (read === undefined) throw new Error('not an entry');
  return read;
}

test('an entry begins, grows, rests, ends', () => {
  const { read, tracker } = made();
  const flow = { device: 'tv', other: '198.51.100.7', protocol: 6, port: 443 };
  expect(read(entry('1/60', '0/0'))).toMatchObject([
    { ...flow, entries: 1, up: { packets: 1, bytes: 60 }, down: { packets: 0, bytes: 0 } },
  ]);
  expect(read(entry('3/160', '2/3000'))).toMatchObject([
    { ...flow, entries: 0, up: { packets: 2, bytes: 100 }, down: { packets: 2, bytes: 3000 } },
  ]);
  expect(read(entry('3/160', '2/3000'))).toEqual([]);
  expect(read()).toMatchObject([{ ...flow, entries: -1, up: { packets: 0, bytes: 0 } }]);
  expect(tracker.size).toBe(0);
});

test('counters that shrink are another connection under the same id', () => {
  const { read } = made();
  read(entry('9/900', '9/900'));
  expect(read(entry('1/60', '0/0'))).toMatchObject([
    { entries: -1, up: { packets: 0 } },
    { entries: 1, up: { packets: 1, bytes: 60 } },
  ]);
});

test('an entry without counters stays unknown to its end', () => {
  const { read } = made();
  expect(read(entry('', ''))).toMatchObject([{ entries: 1, up: undefined, down: undefined }]);
  expect(read(entry('', ''))).toEqual([]);
  expect(read()).toMatchObject([{ entries: -1, up: undefined, down: undefined }]);
});

test('a device that is not known yet is asked for again, and nothing of its traffic is lost', () => {
  const { read, devices, tracker } = made();
  expect(read(entry('1/60', '0/0', { src: '192.168.77.12' }))).toEqual([]);
  expect(tracker.counters.unknown).toBe(1);
  devices.set('192.168.77.12', 'camera');
  expect(read(entry('3/160', '0/0', { src: '192.168.77.12' }))).toMatchObject([
    { device: 'camera', entries: 1, up: { packets: 3, bytes: 160 } },
  ]);
  expect(tracker.counters.unknown).toBe(0);
});

test('an entry stays with the nodes it was seen under', () => {
  const { read, devices } = made();
  read(entry('1/60', '0/0'));
  devices.set('192.168.77.11', 'camera');
  expect(read(entry('2/120', '0/0'))).toMatchObject([{ device: 'tv' }]);
  expect(read(entry('1/60', '0/0', { id: 'id=6' }))).toMatchObject([{ device: 'camera' }, { device: 'tv' }]);
});

test('without ids, the connection itself is the key', () => {
  const { read, tracker } = made();
  read(entry('1/60', '0/0', { id: '' }));
  expect(read(entry('2/120', '0/0', { id: '' }))).toMatchObject([
    { entries: 0, up: { packets: 1, bytes: 60 } },
  ]);
  expect(tracker.size).toBe(1);
});

test('a reading of one family says nothing of the other', () => {
  const { read, tracker } = made();
  read(entry('1/60', '0/0'));
  tracker.begin();
  tracker.end(new Set([6]));
  expect(tracker.size).toBe(1);
  tracker.end(new Set([4]));
  expect(tracker.size).toBe(0);
});
