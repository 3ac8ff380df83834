/** Frames that a broken or hostile device sends into its LAN, as trafgen(8) writes them. Everything random differs per frame. */

const BROADCAST = 'fill(0xff, 6)';
/** A locally administered source that is no device of the house, and an address that none of them has. */
const FROM = '0x02, 0, 0, 0, 0, 0x66';
const FROM_ADDRESS = '192, 168, 1, 250';
const ethernet = (type: number, ...rest: string[]) =>
  `{ ${[BROADCAST, FROM, `c16(${type})`, ...rest].join(', ')} }`;

/** IPv4 and UDP headers with the given ports; the length fields may lie. */
function udp(sourcePort: number, port: number, length: number, ...payload: string[]): string {
  return ethernet(
    0x0800,
    ...['0x45, 0', `c16(${length + 28})`, 'drnd(2)', '0x40, 0', '64, 17', 'c16(0)'],
    ...[FROM_ADDRESS, '255, 255, 255, 255'],
    ...[`c16(${sourcePort}), c16(${port}), c16(${length + 8}), c16(0)`],
    ...payload,
  );
}

/** An answer with these counts of questions and answers. */
const dns = (questions: number, answers: number) =>
  `drnd(2), 0x81, 0x80, c16(${questions}), c16(${answers}), c16(0), c16(0)`;

const DHCP = 'drnd(1), 1, 6, 0, drnd(4), fill(0, 20), drnd(16), fill(0, 192), 0x63, 0x82, 0x53, 0x63';

export const malformedFrames: Readonly<Record<string, string>> = {
  'ARP of random bytes': ethernet(0x0806, 'drnd(28)'),
  'ARP that claims long addresses': ethernet(
    0x0806,
    'c16(1), c16(0x0800), 255, 255, c16(2)',
    'drnd(6), drnd(4)',
  ),
  'ARP cut off': ethernet(0x0806, 'c16(1), c16(0x0800), 6, 4'),
  'DNS of random bytes': udp(53, 40_000, 80, dns(1, 1), 'drnd(68)'),
  'DNS with 65,535 answers': udp(53, 40_000, 40, dns(0, 0xffff), 'drnd(28)'),
  'DNS whose name points at itself': udp(
    53,
    40_000,
    30,
    dns(1, 1),
    '0xc0, 12, 0, 1, 0, 1, 0xc0, 12, drnd(10)',
  ),
  'DNS whose names point at each other': udp(53, 40_000, 24, dns(2, 1), '0xc0, 14, 0xc0, 12, drnd(8)'),
  'DNS that is shorter than it says': udp(53, 40_000, 1_400, dns(1, 1), '63, drnd(5)'),
  'DHCP of random bytes': udp(68, 67, 300, 'drnd(300)'),
  'DHCP with random options': udp(68, 67, 304, DHCP, 'drnd(64)'),
  'DHCP with a name of rubbish': udp(68, 67, 300, DHCP, '53, 1, 3, 12, 40, drnd(40), 255'),
  'DHCP whose options are longer than it': udp(68, 67, 248, DHCP, '12, 255, drnd(6)'),
  'VLAN in VLAN in VLAN': ethernet(0x8100, ...Array(12).fill('drnd(2), c16(0x8100)'), 'drnd(3)'),
  'PPPoE of nothing': ethernet(0x8864, '0x11, 0, drnd(2), c16(2000), c16(0x0021)'),
  'IPv4 with a header of no length': ethernet(0x0800, '0x40', 'drnd(40)'),
  'IPv6 with endless extensions': ethernet(
    0x86dd,
    '0x60, 0, 0, 0, c16(64), 0, 64, drnd(32)',
    ...Array(8).fill('0, 0, drnd(6)'),
  ),
  'neighbour discovery with an option of no length': ethernet(
    0x86dd,
    '0x60, 0, 0, 0, c16(32), 58, 255, 0xfe, 0x80, drnd(14), 0xff, 0x02, fill(0, 13), 1',
    '136, 0, drnd(2), fill(0, 4), drnd(16), 2, 0, drnd(6)',
  ),
  'any type at all': '{ drnd(60) }',
  'a frame of nothing': ethernet(0x0800),
};

/** The configuration of trafgen that sends them all, in turn. */
export const trafgenConfig = (): string => `${Object.values(malformedFrames).join('\n')}\n`;
