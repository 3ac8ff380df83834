import { expect, test } from 'vitest';
import { CaptureReader } from '../../../../src/local/observe/capture-reader.ts';
import { FrameStreams, readFrame } from '../../../../src/local/observe/frame-facts.ts';
import type { Reading } from '../../../../src/local/observe/seen.ts';
import { fixtureBytes } from './fixture.ts';
import { answer, arp, dhcp, ethernet, ipv4, ipv6, ROUTER, TV, udp } from './packets.ts';

function read(...frames: Uint8Array[]): Reading[] {
  const counters = { frames: 0, ignored: 0, answers: 0 };
  return frames.flatMap((frame) => readFrame(frame, 1, 'br-lan', counters));
}

/** Of all frames, or of each so many the one at a place. */
function replay(file: string, streams = new FrameStreams({ sni: false }), of = 1, place = 0): Reading[] {
  const counters = { frames: 0, ignored: 0, answers: 0 };
  const readings: Reading[] = [];
  const reader = new CaptureReader(({ bytes, linkType }) => {
    if ((reader.frames - 1) % of !== place) return;
    readings.push(...readFrame(bytes, linkType, 'br-lan', counters, streams));
  });
  reader.push(fixtureBytes(`capture/${file}`));
  return readings;
}

test('a capture of a LAN: every answer that holds addresses', () => {
  const answers = replay('dns-brlan.pcap').filter((reading) => reading.kind === 'answer');
  expect(answers.map(({ domain, chain, addresses }) => [domain, chain, addresses.length])).toEqual([
    ['www.example.test', [], 1],
    ['www.example.test', [], 1],
    ['multi.example.test', [], 3],
    ['a1.example.test', ['a2.example.test', 'www.example.test'], 1],
    ['many.example.test', [], 31],
    ['a1.example.test', ['a2.example.test', 'www.example.test'], 1],
    ['www.example.test', [], 1],
    ['www.example.test', [], 1],
  ]);
  expect(answers[1]).toMatchObject({ client: '192.168.77.11', addresses: ['2001:db8:1::2'] });
});

test('tags and PPPoE change nothing in the answers', () => {
  const plain = replay('dns-brlan.pcap');
  for (const [file, variants] of [
    ['dns-vlan.pcap', 2],
    ['dns-vlan-qinq-pppoe.pcapng', 4],
  ] as const) {
    for (let place = 0; place < variants; place++) {
      expect(replay(file, undefined, variants, place)).toEqual(plain);
    }
  }
});

test('a segment that is seen twice, plain and tagged, is one', () => {
  const answers = (file: string) => replay(file).filter((reading) => reading.kind === 'answer');
  const [plain, both] = [answers('dns-brlan.pcap'), answers('dns-vlan.pcap')];
  const [overTcp] = plain.slice(5, 6);
  expect(both).toEqual(plain.flatMap((one) => (one === overTcp ? [one] : [one, one])));
});

test.each(['dns-sll.pcap', 'dns-sll2.pcap', 'dns-nflog.pcap'])('%s: the same answers', (file) => {
  const answers = replay(file).filter((reading) => reading.kind === 'answer');
  expect(answers.map(({ domain, chain, addresses }) => [domain, chain, addresses])).toEqual([
    ['www.example.test', [], ['198.51.100.7']],
    ['www.example.test', [], ['2001:db8:1::2']],
    ['a1.example.test', ['www.example.test'], ['198.51.100.7']],
  ]);
});

test('answers over TCP in three segments each, over IPv4 and IPv6', () => {
  const streams = new FrameStreams({ sni: false });
  const answers = replay('dns-tcp-segments.pcap', streams).filter((reading) => reading.kind === 'answer');
  expect(answers.map(({ domain, addresses, client }) => [domain, new Set(addresses).size, client])).toEqual([
    ['many.example.test', 150, '192.168.77.11'],
    ['many.example.test', 150, '192.168.77.11'],
    ['many.example.test', 150, 'fd77::11'],
  ]);
  expect(streams.counters).toEqual({ gaps: 0, evicted: 0 });
});

test('server names of TLS clients, when they are asked for', () => {
  const named = (domain: string) => ({
    kind: 'answer',
    source: 'sni',
    client: '192.168.77.11',
    domain,
    chain: [],
    addresses: ['203.0.113.2'],
    ttlS: 0,
  });
  expect(replay('tls-clienthello.pcap', new FrameStreams({ sni: true }))).toEqual([
    named('video.example.test'),
    named('api.iot-vendor.example'),
    named('node.example.test'),
  ]);
  expect(replay('tls-clienthello.pcap')).toEqual([]);
});

test('bindings: ARP, a DNS question, a confirmed lease', () => {
  const seen = {
    kind: 'seen',
    interface: 'br-lan',
    mac: TV,
    address: '192.168.77.11',
    present: true,
    fresh: true,
  };
  const question = ipv4(17, '192.168.77.11', '192.168.77.1', udp(4000, 53, [1]));
  const ack = ipv4(
    17,
    '192.168.77.1',
    '192.168.77.11',
    udp(67, 68, dhcp(2, TV, '192.168.77.11', [53, 1, 5])),
  );
  expect(
    read(
      ethernet(0x0806, arp(TV, '192.168.77.11')),
      ethernet(0x0800, question),
      ethernet(0x0800, ack, ROUTER, TV),
    ),
  ).toMatchObject([
    { ...seen, routed: false },
    { ...seen, routed: true },
    { ...seen, routed: false },
  ]);
});

test('an ARP probe and a refused or relayed lease bind nothing', () => {
  const reply = (options: number[], relay?: string) =>
    ethernet(
      0x0800,
      ipv4(17, '192.168.77.1', '192.168.77.11', udp(67, 68, dhcp(2, TV, '192.168.77.11', options, relay))),
      ROUTER,
    );
  expect(
    read(
      ethernet(0x0806, arp(TV, '0.0.0.0')),
      reply([53, 1, 6]),
      reply([53, 1, 2]),
      reply([53, 1, 5], '10.0.0.1'),
    ),
  ).toEqual([]);
});

test('host names: of DHCP, and of multicast DNS where the device announces its own address', () => {
  const named = (name: string) =>
    ethernet(
      0x0800,
      ipv4(
        17,
        '0.0.0.0',
        '255.255.255.255',
        udp(68, 67, dhcp(1, TV, '0.0.0.0', [53, 1, 3, 12, Buffer.byteLength(name), ...Buffer.from(name)])),
      ),
    );
  expect(read(named('kitchen-tv'), named('Zoë’s TV'), named('\u0007\n'))).toEqual([
    { kind: 'hostName', mac: TV, name: 'kitchen-tv', source: 'dhcp' },
    { kind: 'hostName', mac: TV, name: 'Zoë’s TV', source: 'dhcp' },
  ]);
  const announce = (address: string) =>
    ethernet(
      0x0800,
      ipv4(
        17,
        '192.168.77.11',
        '224.0.0.251',
        udp(
          5353,
          5353,
          answer('', [{ type: 'A', name: 'Kitchen-TV.local', data: address, ttl: 120 }], { questions: [] }),
        ),
      ),
    );
  expect(read(announce('192.168.77.11'))[1]).toEqual({
    kind: 'hostName',
    mac: TV,
    name: 'kitchen-tv',
    source: 'mdns',
  });
  expect(read(announce('192.168.77.12'))).toHaveLength(1);
});

test('neighbour discovery binds IPv6', () => {
  const asks = ipv6(58, 'fd770000000000000000000000000011', 'ff020000000000000000000000000001', [
    135,
    ...new Array(23).fill(0),
  ]);
  expect(read(ethernet(0x86dd, asks))).toMatchObject([{ address: 'fd77::11', mac: TV, fresh: true }]);
});
