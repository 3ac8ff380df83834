import { expect, test } from 'vitest';
import { AddressReader } from '../../../../src/local/observe/address-reader.ts';
import { connectionKey, parseConntrackLine } from '../../../../src/local/observe/conntrack.ts';
import { fixtureLines } from './fixture.ts';

const parse = (line: string) => parseConntrackLine(line, new AddressReader());

test.each([
  'E-timestamp-id-extended.txt',
  'E2-noextended-update.txt',
  'E2-timestamp-id-extended.txt',
  'L-extended-id-ktimestamp.txt',
  'L-plain.txt',
  'L2-extended-id.txt',
  'L3-gre-unknown.txt',
  'SYNTHETIC-offload.txt',
  'proc-net-nf_conntrack.txt',
  'proc2-net-nf_conntrack.txt',
  'proc3-gre-unknown.txt',
])('%s: every line is read', (file) => {
  const lines = fixtureLines(`conntrack/${file}`);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.filter((line) => parse(line) === undefined)).toEqual([]);
});

test('a listed entry of ICMP: the id is the last one, the port the type', () => {
  const line = fixtureLines('conntrack/L2-extended-id.txt')[2] ?? '';
  expect(parse(line)).toEqual({
    event: undefined,
    protocol: 58,
    original: {
      src: 'fd77::11',
      dst: '2001:db8:1::2',
      sport: 20365,
      dport: 128,
      counts: { packets: 1, bytes: 104 },
    },
    reply: {
      src: '2001:db8:1::2',
      dst: 'fd77::11',
      sport: 20365,
      dport: 129,
      counts: { packets: 1, bytes: 104 },
    },
    id: 2164769623,
    offloaded: false,
  });
});

test('/proc has no ids, and writes IPv6 in full: the same entry all the same', () => {
  const listed = fixtureLines('conntrack/L2-extended-id.txt').map(parse);
  const proc = fixtureLines('conntrack/proc2-net-nf_conntrack.txt').map(parse);
  expect(proc.map((entry) => entry?.id)).toEqual([undefined, undefined, undefined, undefined]);
  expect(proc.map((entry) => entry && connectionKey(entry))).toEqual(
    listed.map((entry) => entry && connectionKey(entry)),
  );
});

test('events', () => {
  const events = fixtureLines('conntrack/E2-noextended-update.txt').map((line) => parse(line)?.event);
  expect(new Set(events)).toEqual(new Set(['NEW', 'UPDATE', 'DESTROY']));
});

test('counters: unknown is not zero, and 64 bits do not turn negative', () => {
  const line = (counters: string) =>
    `ipv4     2 tcp      6 100 ESTABLISHED src=192.168.77.11 dst=198.51.100.7 sport=1 dport=2 ${counters}src=198.51.100.7 dst=203.0.113.1 sport=2 dport=1 ${counters}[ASSURED] mark=0 use=1 id=5`;
  expect(parse(line(''))?.original.counts).toBeUndefined();
  expect(parse(line('packets=0 bytes=0 '))?.original.counts).toEqual({ packets: 0, bytes: 0 });
  expect(parse(line('packets=3 bytes=5000000000000 '))?.reply.counts?.bytes).toBe(5_000_000_000_000);
  expect(parse(line('packets=3 bytes=18446744073709551615 '))?.reply.counts?.bytes).toBe(
    Number.MAX_SAFE_INTEGER,
  );
});

test('an offloaded entry is marked', () => {
  const entries = fixtureLines('conntrack/SYNTHETIC-offload.txt').map(parse);
  expect(entries.map((entry) => entry?.offloaded)).toEqual([true, true]);
  expect(entries[0]?.protocol).toBe(6);
});

test.each([
  '',
  'conntrack v1.4.7 (conntrack-tools): 0 flow entries have been shown.',
  'tcp 6 src=192.168.77.11 dst=198.51.100.7 sport=1 dport=2',
  'tcp 6 src=192.168.77.11 dst=198.51.100.7 sport=70000 dport=2 src=198.51.100.7 dst=203.0.113.1 sport=2 dport=1',
  'tcp 6 src=192.168.77.11 dst=nonsense sport=1 dport=2 src=198.51.100.7 dst=203.0.113.1 sport=2 dport=1',
  'tcp 999 src=192.168.77.11 dst=198.51.100.7 src=198.51.100.7 dst=203.0.113.1',
  'tcp 6 src=1.2.3.4 src=1.2.3.4 src=1.2.3.4 dst=1.2.3.4',
  'tcp 6 src=1.2.3.4 dst=1.2.3.4 packets=-1 bytes=1 src=1.2.3.4 dst=1.2.3.4',
])('%s is nothing', (line) => {
  expect(parse(line)).toBeUndefined();
});
