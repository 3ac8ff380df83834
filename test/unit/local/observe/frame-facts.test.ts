import { expect, test } from 'vitest';
import { readFrame } from '../../../../src/local/observe/frame-facts.ts';
import { PcapReader } from '../../../../src/local/observe/pcap.ts';
import type { Reading } from '../../../../src/local/observe/seen.ts';
import { fixtureBytes } from './fixture.ts';
import { answer, arp, dhcp, ethernet, ipv4, ipv6, ROUTER, TV, udp } from './packets.ts';

function read(...frames: Uint8Array[]): Reading[] {
  const counters = { frames: 0, ignored: 0, answers: 0 };
  return frames.flatMap((frame) => readFrame(frame, 1, 'br-lan', counters));
}

function replay(file: string): Reading[] {
  const counters = { frames: 0, ignored: 0, answers: 0 };
  const readings: Reading[] = [];
  const reader = new PcapReader(({ bytes, linkType }) => {
    readings.push(...readFrame(bytes, linkType, 'br-lan', counters));
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
  expect(replay('dns-vlan.pcap')).toEqual(plain.flatMap((reading) => [reading, reading]));
  expect(replay('dns-vlan-qinq-pppoe.pcap')).toEqual(plain.flatMap((one) => [one, one, one, one]));
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
