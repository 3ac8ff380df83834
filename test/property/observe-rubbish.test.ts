import { describe, expect, test } from 'vitest';
import { CaptureReader } from '../../src/local/observe/capture-reader.ts';
import { parseClientHello } from '../../src/local/observe/client-hello.ts';
import { parseDhcp } from '../../src/local/observe/dhcp.ts';
import { parseDnsAnswer, parseMdnsRecords } from '../../src/local/observe/dns.ts';
import type { AnswerFact } from '../../src/local/observe/facts.ts';
import { parseFrame } from '../../src/local/observe/frame.ts';
import { FrameStreams, readFrame } from '../../src/local/observe/frame-facts.ts';
import { parseLeases } from '../../src/local/observe/leases.ts';
import { parseArpLine, parseNeighbourLine } from '../../src/local/observe/neighbours.ts';
import { parsePacket } from '../../src/local/observe/packet-reader.ts';
import { QueryLog } from '../../src/local/observe/query-log.ts';
import type { Reading } from '../../src/local/observe/seen.ts';
import { canonicalAddress, canonicalDomain, canonicalMac } from '../../src/policy/address.ts';
import { fixture, fixtureBytes, fixtureLines } from '../unit/local/observe/fixture.ts';
import { arp, dhcp, ethernet, ipv4, ipv6, ROUTER, TV, udp } from '../unit/local/observe/packets.ts';
import { Spoiler } from './spoil.ts';

/** How much rubbish of each kind; HEDGEROW_FUZZ=1000000 takes minutes. */
const RUNS = Number(process.env.HEDGEROW_FUZZ ?? 50_000);
const SEED = Number(process.env.FAST_CHECK_SEED ?? 20261121) || 1;

const CAPTURES = [
  'dns-brlan.pcap',
  'dns-vlan.pcap',
  'dns-vlan-qinq-pppoe.pcapng',
  'dns-tcp-segments.pcap',
  'dns-sll.pcap',
  'dns-sll2.pcap',
  'dns-nflog.pcap',
  'tls-clienthello.pcap',
];

interface Sample {
  readonly linkType: number;
  readonly bytes: Uint8Array;
}

function framesOf(file: string): Sample[] {
  const frames: Sample[] = [];
  const reader = new CaptureReader(({ bytes, linkType }) =>
    frames.push({ linkType, bytes: Uint8Array.from(bytes) }),
  );
  reader.push(fixtureBytes(`capture/${file}`));
  return frames;
}

const SIX = 'fd770000000000000000000000000011';
const FRAMES: Sample[] = [
  ...CAPTURES.flatMap(framesOf),
  ...[
    ethernet(0x0806, arp(TV, '192.168.77.11')),
    ethernet(0x86dd, ipv6(58, SIX, SIX, [136, ...new Array<number>(23).fill(7)])),
    ethernet(
      0x86dd,
      ipv6(0, SIX, SIX, [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 1]),
    ),
    ethernet(
      0x0800,
      ipv4(17, '192.168.77.1', '192.168.77.11', udp(67, 68, dhcp(2, TV, '192.168.77.11', [53, 1, 5]))),
      ROUTER,
    ),
  ].map((bytes) => ({ linkType: 1, bytes })),
];

/** What the parsers of payloads get: each payload of the frames. */
const payloads = (kind: 'udp' | 'tcp') =>
  FRAMES.flatMap(({ linkType, bytes }) => {
    const frame = parseFrame(bytes, linkType);
    return typeof frame !== 'string' && frame.kind === kind ? [frame.payload] : [];
  });

const LINK_TYPES = [0, 1, 9, 12, 51, 101, 108, 113, 228, 229, 239, 276];

function checkReading(reading: Reading): void {
  if (reading.kind === 'seen') {
    if (canonicalMac(reading.mac) !== reading.mac) throw new Error(reading.mac);
    if (canonicalAddress(reading.address) !== reading.address) throw new Error(reading.address);
  } else if (reading.kind === 'answer') checkAnswer(reading);
  else if (reading.name.length > 126) throw new Error('a long name');
}

function checkAnswer({ domain, chain, addresses }: Pick<AnswerFact, 'domain' | 'chain' | 'addresses'>): void {
  for (const name of [domain, ...chain]) if (canonicalDomain(name) !== name) throw new Error(name);
  for (const address of addresses) if (canonicalAddress(address) !== address) throw new Error(address);
  if (addresses.length > 256 || chain.length > 16) throw new Error('too much');
}

/** Feeds rubbish; the answer is what it cost, in milliseconds of CPU and in bytes of heap. */
function feed(one: (spoiler: Spoiler) => void): { cpuMs: number; bytes: number } {
  const spoiler = new Spoiler(SEED);
  one(spoiler);
  const before = process.memoryUsage();
  const begun = process.cpuUsage();
  for (let i = 0; i < RUNS; i++) one(spoiler);
  const { user, system } = process.cpuUsage(begun);
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  return { cpuMs: (user + system) / 1_000, bytes: grown };
}

describe(`${RUNS} pieces of rubbish each: no exception, bounded time and memory, canonical values`, () => {
  const frames = FRAMES.map(({ bytes }) => bytes);
  const streams = new FrameStreams({ sni: true });
  const counters = { frames: 0, ignored: 0, answers: 0 };
  const log: AnswerFact[] = [];
  const queries = new QueryLog((fact) => log.push(fact));
  const lines = fixtureLines('capture/dnsmasq-log-queries-extra.txt').map((line) => Buffer.from(line));
  const captures = CAPTURES.map((file) => fixtureBytes(`capture/${file}`).subarray(0, 3_000));
  const neighbours = ['ip-neigh-show', 'busybox-ip-neigh', 'ip-monitor-neigh', 'proc-net-arp']
    .flatMap((file) => fixtureLines(`neighbours/${file}.txt`))
    .map((line) => Buffer.from(line));
  const leases = [Buffer.from(fixture('neighbours/dnsmasq-dhcp.leases'))];
  const messages = payloads('udp');
  const hellos = payloads('tcp').filter(([type]) => type === 22);
  const dhcps = [Uint8Array.from(dhcp(1, TV, '0.0.0.0', [53, 1, 3, 12, 4, 97, 98, 99, 100]))];

  const kinds: Record<string, (spoiler: Spoiler) => void> = {
    frames: (spoiler) => {
      const bytes = spoiler.bytes(frames);
      const { linkType } =
        spoiler.number(4) === 0 ? { linkType: spoiler.pick(LINK_TYPES) } : spoiler.pick(FRAMES);
      readFrame(bytes, linkType, 'br-lan', counters, streams).forEach(checkReading);
      const read = parsePacket(bytes, linkType, spoiler.number(2_000));
      if (typeof read === 'string') return;
      const { src, dst, bytes: counted, sport, dport } = read.packet;
      if (canonicalAddress(src) !== src || canonicalAddress(dst) !== dst) throw new Error(`${src} ${dst}`);
      if (!(counted >= 0 && counted <= 65_575 && sport <= 65_535 && dport <= 65_535))
        throw new Error(`${counted}`);
    },
    'capture files': (spoiler) => {
      const bytes = spoiler.bytes(captures);
      let total = 0;
      const reader = new CaptureReader((frame) => {
        total += frame.bytes.length;
        if (Number.isNaN(frame.at) || frame.length < frame.bytes.length) throw new Error(`${frame.at}`);
      });
      const size = 1 + spoiler.number(2_000);
      for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
      reader.end();
      if (total > bytes.length) throw new Error('more frames than bytes');
    },
    'DNS messages': (spoiler) => {
      const bytes = spoiler.bytes(messages);
      const read = parseDnsAnswer(bytes);
      if (typeof read !== 'string') checkAnswer(read);
      if (parseMdnsRecords(bytes).length > 256) throw new Error('too many records');
    },
    ClientHellos: (spoiler) => {
      const read = parseClientHello(spoiler.bytes(hellos));
      if (typeof read !== 'string') checkAnswer({ domain: read.domain, chain: [], addresses: [] });
    },
    'lines of a query log': (spoiler) => {
      queries.line(Buffer.from(spoiler.bytes(lines)).toString('latin1'));
      if (spoiler.number(50) !== 0) return;
      queries.flush();
      for (const fact of log.splice(0)) checkAnswer(fact);
    },
    'lines of neighbours': (spoiler) => {
      const line = Buffer.from(spoiler.bytes(neighbours)).toString('latin1');
      for (const entry of [parseNeighbourLine(line), parseArpLine(line)]) {
        if (entry === undefined) continue;
        if (canonicalAddress(entry.address) !== entry.address) throw new Error(entry.address);
        if (entry.mac !== undefined && canonicalMac(entry.mac) !== entry.mac) throw new Error(entry.mac);
      }
    },
    leases: (spoiler) => {
      for (const { mac, name } of parseLeases(Buffer.from(spoiler.bytes(leases)).toString('latin1')))
        if (canonicalMac(mac) !== mac || name === '' || name.length > 126) throw new Error(`${mac} ${name}`);
    },
    'DHCP messages': (spoiler) => {
      const read = parseDhcp(spoiler.bytes(dhcps));
      if (read !== undefined && canonicalMac(read.mac) !== read.mac) throw new Error(read.mac);
    },
  };

  for (const [kind, one] of Object.entries(kinds)) {
    test(kind, { timeout: 20_000 + RUNS }, () => {
      const { cpuMs, bytes } = feed(one);
      // Ten times what it takes on a slow machine; a capture file is some twenty frames.
      expect(cpuMs).toBeLessThan(5_000 + RUNS * 0.5);
      expect(bytes).toBeLessThan(150 * 1024 * 1024);
    });
  }
});
