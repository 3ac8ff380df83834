import { expect, test } from 'vitest';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { Tracker } from '../../../../src/local/flows/tracker.ts';
import { AddressReader } from '../../../../src/local/observe/address-reader.ts';
import { type ConntrackEntry, parseConntrackLine } from '../../../../src/local/observe/conntrack.ts';

const BOTH = new Set([4, 6] as const);
/** One device, and a remote for each address. */
const always = {
  isOwn: () => false,
  isLan: (address: string) => address.startsWith('192.168.77.'),
  deviceAt: (address: string) => (address === '192.168.77.11' ? 'tv' : undefined),
  remoteAt: (address: string) => address,
};

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
  /** News of what is done. */
  const hear = (act: () => void): Sighting[] => {
    news.length = 0;
    act();
    return [...news];
  };
  const began = (one: ConntrackEntry) => hear(() => tracker.began({ ...one, event: 'NEW' }));
  const ended = (one: ConntrackEntry) => hear(() => tracker.ended({ ...one, event: 'DESTROY' }));
  return { devices, tracker, read, hear, began, ended };
}

/** Bytes from and to devices in all, and connections that began without having ended. */
function sums(news: readonly Sighting[]): { up: number; down: number; open: number } {
  const sum = { up: 0, down: 0, open: 0 };
  for (const { up, down, entries } of news) {
    sum.up += up?.bytes ?? 0;
    sum.down += down?.bytes ?? 0;
    sum.open += entries;
  }
  return sum;
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

test('a begin makes a flow visible at once; the end brings what no reading saw', () => {
  const { began, ended, read, tracker } = made();
  expect(began(entry('0/0', '0/0'))).toMatchObject([{ entries: 1, up: { packets: 0, bytes: 0 } }]);
  expect(ended(entry('2/120', '2/3000'))).toMatchObject([
    { entries: -1, up: { packets: 2, bytes: 120 }, down: { packets: 2, bytes: 3000 } },
  ]);
  expect(tracker.size).toBe(0);
  expect(read()).toEqual([]);
});

test('a connection that only its end tells of is counted whole', () => {
  const { ended } = made();
  expect(ended(entry('2/120', '2/3000'))).toMatchObject([
    { entries: 1, up: { bytes: 120 }, down: { bytes: 3000 } },
    { entries: -1, up: { bytes: 0 } },
  ]);
});

test('a late end adds what came after the last reading; a repeated one nothing', () => {
  const { ended, read, tracker } = made();
  read(entry('1/60', '0/0'));
  read();
  expect(ended(entry('3/160', '1/70'))).toMatchObject([
    { entries: 0, up: { bytes: 100 }, down: { bytes: 70 } },
  ]);
  expect(ended(entry('3/160', '1/70'))).toEqual([]);
  expect(tracker.counters.repeated).toBe(1);
});

test('an end during a reading: the reading’s line is older and adds nothing, and the next reading begins anew', () => {
  const { began, ended, hear, read, tracker } = made();
  began(entry('0/0', '0/0'));
  tracker.begin();
  ended(entry('3/160', '0/0'));
  expect(hear(() => tracker.note(entry('2/120', '0/0')))).toEqual([]);
  expect(hear(() => tracker.end(BOTH))).toEqual([]);
  // The same name again, of which no begin was told.
  expect(sums(read(entry('2/120', '0/0')))).toEqual({ up: 120, down: 0, open: 1 });
});

test('a name that is used again during a reading: lines of this reading may be of the first', () => {
  const { began, ended, hear, read, tracker } = made();
  read(entry('1/60', '0/0'));
  tracker.begin();
  ended(entry('3/160', '0/0'));
  began(entry('0/0', '0/0'));
  expect(hear(() => tracker.note(entry('2/120', '0/0')))).toEqual([]);
  expect(hear(() => tracker.end(BOTH))).toEqual([]);
  expect(sums(read(entry('4/240', '0/0')))).toEqual({ up: 240, down: 0, open: 0 });
  expect(sums(ended(entry('5/300', '0/0')))).toEqual({ up: 60, down: 0, open: -1 });
});

test('a begin that is told after a reading has shown the connection', () => {
  const { began, ended, read } = made();
  read(entry('3/160', '0/0'));
  expect(began(entry('0/0', '0/0'))).toEqual([]);
  expect(sums(ended(entry('4/260', '0/0')))).toEqual({ up: 100, down: 0, open: -1 });
});

test('an end that is told after a reading has shown the next connection of that name', () => {
  const { began, ended, read } = made();
  read(entry('9/900', '0/0'));
  const next = read(entry('1/60', '0/0'));
  expect(sums(next)).toEqual({ up: 60, down: 0, open: 0 });
  expect(sums(ended(entry('10/1000', '0/0')))).toEqual({ up: 100, down: 0, open: 0 });
  expect(ended(entry('10/1000', '0/0'))).toEqual([]);
  expect(began(entry('0/0', '0/0'))).toEqual([]);
  expect(sums(ended(entry('2/120', '0/0')))).toEqual({ up: 60, down: 0, open: -1 });
});

test('ids that meet by chance are two connections', () => {
  const { read, tracker } = made();
  const twin: ConntrackEntry = { ...entry('5/500', '0/0') };
  const other = { ...twin, original: { ...twin.original, sport: 4001 } };
  expect(read(twin, other)).toHaveLength(2);
  expect(read(twin, other)).toEqual([]);
  expect(tracker.size).toBe(2);
});

test('ended entries are forgotten after a few readings', () => {
  const { ended, read } = made();
  ended(entry('3/160', '0/0'));
  for (let round = 0; round < 3; round++) read();
  expect(ended(entry('3/160', '0/0'))).toEqual([]);
  read();
  read();
  expect(sums(ended(entry('3/160', '0/0')))).toMatchObject({ up: 160 });
});

test('of a device that becomes known after its connection has ended, nothing is lost and nothing is twice', () => {
  const { began, ended, read, devices, tracker } = made();
  const from = { src: '192.168.77.12' };
  began(entry('0/0', '0/0', from));
  read(entry('1/60', '0/0', from));
  expect(ended(entry('2/120', '1/70', from))).toEqual([]);
  read();
  devices.set('192.168.77.12', 'camera');
  const news = read();
  expect(news).toMatchObject([
    { device: 'camera', entries: 1, up: { packets: 2, bytes: 120 }, down: { packets: 1, bytes: 70 } },
    { device: 'camera', entries: -1 },
  ]);
  expect(ended(entry('2/120', '1/70', from))).toEqual([]);
  expect(tracker.counters.dropped).toBe(0);
});

test('a device that never becomes known: given up after a while, and counted', () => {
  const { read, tracker } = made();
  read(entry('1/60', '0/0', { src: '192.168.77.12' }));
  for (let round = 0; round < 40; round++) read();
  expect(tracker.counters.dropped).toBe(1);
});

test('an entry that is handed past the kernel’s counters is marked, also when they stand still', () => {
  const { read } = made();
  read(entry('1/60', '0/0'));
  expect(read({ ...entry('1/60', '0/0'), offloaded: true })).toMatchObject([
    { entries: 0, offloaded: true, up: { bytes: 0 } },
  ]);
  expect(read({ ...entry('1/60', '0/0'), offloaded: true })).toEqual([]);
});

test('a begin where the kernel does not count: unknown, which is not zero', () => {
  const { began, ended } = made();
  expect(began(entry('', ''))).toMatchObject([{ entries: 1, up: undefined, down: undefined }]);
  expect(ended(entry('', ''))).toMatchObject([{ entries: -1, up: undefined, down: undefined }]);
});

test('beyond 32 bits, exact', () => {
  const { read } = made();
  read(entry('1/9007199254740000', '0/0'));
  expect(read(entry('2/9007199254740991', '1/4294967297'))).toMatchObject([
    { up: { packets: 1, bytes: 991 }, down: { packets: 1, bytes: 4_294_967_297 } },
  ]);
});

test('the largest table of a kernel, and a quarter of it is other connections a reading later: all are followed', () => {
  const [largest, quarter] = [262_144, 65_536];
  let packets = 0;
  const tracker = new Tracker(always, ({ up }) => {
    packets += up?.packets ?? 0;
  });
  const counts = { packets: 1, bytes: 92 };
  const there = { src: '192.168.77.11', dst: '198.51.100.7', sport: 4000, dport: 9, counts };
  const back = { ...there, src: there.dst, dst: there.src, counts: { packets: 0, bytes: 0 } };
  for (let round = 0; round < 2; round++) {
    tracker.begin();
    for (let id = round * quarter; id < round * quarter + largest; id++)
      tracker.note({ event: undefined, protocol: 17, original: there, reply: back, id, offloaded: false });
    tracker.end(BOTH);
  }
  expect(packets).toBe(largest + quarter);
  expect(tracker.counters.dropped).toBe(0);
});
