/** The tables of the bench `forwarding`, and its targets (ratios to no rules at all). */
import { type Findings, median, type Table, type Target } from './figures.ts';
import type { Sends } from './forwarding-house.ts';
import type { Turns } from './forwarding-turns.ts';
import { allWithin, type Interval, interval, mean } from './interval.ts';

/** One cell: what stood in the kernel, what was sent, and what came of it. */
export interface Measured extends Sends, Turns {
  readonly what: string;
  readonly pairs: number;
}

export const CONTROL = 'no rules, once more';
const [RATE, WITH_MACS, TCP, LEVEL, CONTROL_WITHIN] = [0.85, 0.8, 0.95, 0.9, 0.03];

export function report(measured: readonly Measured[], realTime: boolean): Findings {
  const usual = measured.filter(({ sender }) => sender === 'owner');
  const rare = measured.filter(({ sender }) => sender !== 'owner');
  const of = (protocol: Sends['protocol']) => usual.filter((one) => one.protocol === protocol);
  return {
    figures: { real_time: realTime, measured },
    tables: [
      table('packets over no rules (UDP, 106 and 126 bytes)', of('udp')),
      table('TCP bytes over no rules', of('tcp')),
      ...(rare.length === 0 ? [] : [harder(rare)]),
      {
        title: 'no rules at all',
        columns: ['what', 'measured'],
        rows: [
          ['IPv4, packets a second', controlOf(of('udp'), 4)],
          ['IPv6, packets a second', controlOf(of('udp'), 6)],
          ['IPv4, TCP, MB/s', Math.round(controlOf(of('tcp'), 4) / 1e6)],
          ['IPv6, TCP, MB/s', Math.round(controlOf(of('tcp'), 6) / 1e6)],
          ['ns of processor time, a packet of UDP', Math.round(median(of('udp').map(packetNs)))],
          ['and a packet of TCP', Math.round(median(of('tcp').map(packetNs)))],
          ['real-time processes', realTime ? 'yes' : 'no'],
        ],
      },
    ],
    targets: targets(usual),
  };
}

const packetNs = ({ packet_ns }: Measured) => packet_ns;

const controlOf = (all: readonly Measured[], family: number) =>
  Math.round(median(all.filter((one) => one.family === family).map(({ control }) => control)));

/** A row for each cell, and below them what all cells of a backend come to. */
function table(title: string, cells: readonly Measured[]): Table {
  const row = (name: string, pairs: number | string, some: readonly Measured[]) => [
    name,
    pairs,
    ...(['processor', 'wall'] as const).map((of) => text(meanOf(some, of))),
    text(meanOf(some, 'more_ns'), 0),
  ];
  const backends = [CONTROL, 'ipset', 'ipset-nft', 'nftables'].flatMap((name) => {
    const mine = cells.filter(({ what }) => ofBackend(what, name));
    return mine.length === 0 ? [] : [row(`mean: ${name}`, '', mine)];
  });
  return {
    title: `${title}, and 95 % of what it could be`,
    columns: ['rules', 'pairs', 'processor time', 'wall clock', 'ns more a packet'],
    rows: [...cells.map((cell) => row(`${cell.what}, IPv${cell.family}`, cell.pairs, [cell])), ...backends],
  };
}

const ofBackend = (what: string, name: string) => what === name || what.startsWith(`${name}:`);

const meanOf = (cells: readonly Measured[], of: 'wall' | 'processor' | 'more_ns'): Interval =>
  interval(
    cells.map(({ rounds }) => rounds.map((round) => round[of])),
    mean,
  );

const HARDER = {
  unknown: 'an address that nobody knows, so by its MAC',
  excepted: 'cut from the internet, to what is excepted',
  listed: 'with lists of 10,000 and 10,000 prefixes, to what is in none',
  owner: '',
} as const;

const harder = (cells: readonly Measured[]): Table => ({
  title: 'packets over no rules (processor time), from devices that have it harder',
  columns: ['device', 'rules', 'IPv4', 'IPv6'],
  rows: cells
    .filter(({ family }) => family === 4)
    .map(({ sender, what, processor }) => {
      const other = cells.find((one) => one.family === 6 && one.sender === sender && one.what === what);
      return [HARDER[sender], what, text(processor), other === undefined ? '' : text(other.processor)];
    }),
});

/** Promised at 1,000 pairs, for the backends as they are chosen (iptables-nft is there for comparison), of processor time. */
function targets(usual: readonly Measured[]): Target[] {
  const promised = usual.filter(({ pairs }) => pairs === 1_000);
  const each = (['ipset', 'nftables'] as const).flatMap((backend) => {
    const mine = promised.filter(({ what }) => ofBackend(what, backend));
    const [udp, tcp] = (['udp', 'tcp'] as const).map((one) =>
      mine.filter(({ protocol }) => protocol === one),
    ) as [Measured[], Measured[]];
    const macs = ({ what }: Measured) => what.includes('MAC');
    return [
      ...lowest(`${backend}, 1,000 pairs and wide subjects`, RATE, ratios(udp.filter((one) => !macs(one)))),
      ...lowest(`${backend}, the same with MACs`, WITH_MACS, ratios(udp.filter(macs))),
      ...lowest(`${backend}, TCP, 1,000 pairs, the lowest cell`, TCP, ratios(tcp)),
      ...lowest(
        `${backend}, TCP, 1,000 pairs, all cells`,
        TCP,
        tcp.length === 0 ? [] : [meanOf(tcp, 'processor')],
      ),
    ];
  });
  return [...each, ...lowest('5,000 pairs over 10', LEVEL, level(usual)), ...control(usual)];
}

const ratios = (cells: readonly Measured[]) => cells.map(({ processor }) => processor);

/** Of each cell of our own with 5,000 pairs, over the same with 10. */
function level(usual: readonly Measured[]): Interval[] {
  const ours = usual.filter(({ what, protocol }) => /^(ipset|nftables): /.test(what) && protocol === 'udp');
  return ours.flatMap((cell) => {
    if (cell.pairs !== 5_000) return [];
    const small = ours.find(
      ({ pairs, what, family }) => pairs === 10 && what === cell.what && family === cell.family,
    );
    if (small === undefined) return [];
    const rounds = [cell, small].map((one) => one.rounds.map(({ processor }) => processor));
    return [interval(rounds, ([large = 0, little = 0]) => large / little)];
  });
}

function lowest(what: string, least: number, cells: readonly Interval[]): Target[] {
  const [worst] = cells.toSorted((x, y) => x.low - y.low);
  if (worst === undefined) return [];
  return [{ what, want: `≥ ${least}`, got: text(worst), met: allWithin(cells, { least }) }];
}

function control(usual: readonly Measured[]): Target[] {
  return (['UDP', 'TCP'] as const).flatMap((protocol) => {
    const cells = ratios(
      usual.filter((one) => one.what === CONTROL && one.protocol === protocol.toLowerCase()),
    );
    const [worst] = cells.toSorted((x, y) => farOff(y) - farOff(x));
    if (worst === undefined) return [];
    return [
      {
        what: `the control against itself, ${protocol}`,
        want: `1 ± ${CONTROL_WITHIN}`,
        got: text(worst),
        met: allWithin(cells, { least: 1 - CONTROL_WITHIN, most: 1 + CONTROL_WITHIN }),
      },
    ];
  });
}

const farOff = ({ low, high }: Interval) => Math.max(1 - low, high - 1);

/** An interval as it is printed; without one where too few rounds were asked for. */
export const text = ({ at, low, high }: Interval, places = 3): string =>
  Number.isFinite(low)
    ? `${at.toFixed(places)} (${low.toFixed(places)} to ${high.toFixed(places)})`
    : at.toFixed(places);
