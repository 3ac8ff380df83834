/** The tables of the bench `forwarding`, and its targets (ratios to no rules at all). */
import { type Findings, median, type Table, type Target } from './figures.ts';
import type { Sends } from './forwarding-house.ts';
import type { Turns } from './forwarding-turns.ts';

/** One cell: what stood in the kernel, what was sent, and what came of it. */
export interface Measured extends Sends, Turns {
  readonly what: string;
  readonly pairs: number;
}

const CONTROL = 'no rules, once more';
const [RATE, WITH_MACS, TCP, LEVEL, CONTROL_WITHIN] = [0.85, 0.8, 0.95, 0.9, 0.03];

export function report(measured: readonly Measured[], realTime: boolean): Findings {
  const usual = measured.filter(({ sender }) => sender === 'owner');
  const rare = measured.filter(({ sender }) => sender !== 'owner');
  const of = (protocol: Sends['protocol']) => usual.filter((one) => one.protocol === protocol);
  return {
    figures: { real_time: realTime, measured },
    tables: [
      table('packets a second (UDP, 106 and 126 bytes) over no rules', of('udp')),
      table('TCP bytes a second over no rules', of('tcp')),
      ...(rare.length === 0 ? [] : [harder(rare)]),
      {
        title: 'no rules at all',
        columns: ['what', 'measured'],
        rows: [
          ['IPv4, packets a second', rateOf(of('udp'), 4)],
          ['IPv6, packets a second', rateOf(of('udp'), 6)],
          ['IPv4, TCP, MB/s', Math.round(rateOf(of('tcp'), 4) / 1e6)],
          ['IPv6, TCP, MB/s', Math.round(rateOf(of('tcp'), 6) / 1e6)],
          ['generators as real-time processes', realTime ? 'yes' : 'no'],
        ],
      },
    ],
    targets: targets(usual),
  };
}

const rateOf = (all: readonly Measured[], family: number) =>
  Math.round(median(all.filter((one) => one.family === family).map(({ control }) => control)));

/** A row for each set of rules and family, a column for each number of pairs. */
function table(title: string, cells: readonly Measured[]): Table {
  const sizes = [...new Set(cells.map(({ pairs }) => pairs))];
  const rows = [...new Set(cells.map(({ what, family }) => `${what}, IPv${family}`))];
  return {
    title,
    columns: ['pairs', ...sizes.map(String)],
    rows: rows.map((row) => [
      row,
      ...sizes.map((size) => {
        const cell = cells.find(
          ({ what, family, pairs }) => pairs === size && `${what}, IPv${family}` === row,
        );
        return cell === undefined ? '' : share(cell.ratio);
      }),
    ]),
  };
}

const HARDER = {
  unknown: 'an address that nobody knows, so by its MAC',
  excepted: 'cut from the internet, to what is excepted',
  listed: 'with lists of 10,000 and 10,000 prefixes, to what is in none',
  owner: '',
} as const;

const harder = (cells: readonly Measured[]): Table => ({
  title: 'packets a second over no rules, from devices that have it harder',
  columns: ['device', 'rules', 'IPv4', 'IPv6'],
  rows: cells
    .filter(({ family }) => family === 4)
    .map(({ sender, what, ratio }) => {
      const other = cells.find((one) => one.family === 6 && one.sender === sender && one.what === what);
      return [HARDER[sender], what, share(ratio), share(other?.ratio ?? 0)];
    }),
});

/** Promised at 1,000 pairs, for the backends as they are chosen (iptables-nft is there for comparison). */
function targets(usual: readonly Measured[]): Target[] {
  const ours = usual.filter(({ what }) => /^(ipset|nftables): /.test(what));
  const promised = ours.filter(({ pairs }) => pairs === 1_000);
  const lowest = (what: string, limit: number, cells: readonly Measured[]): Target[] =>
    cells.length === 0 ? [] : [atLeast(what, Math.min(...cells.map(({ ratio }) => ratio)), limit)];
  const [udp, tcp] = (['udp', 'tcp'] as const).map((one) =>
    promised.filter(({ protocol }) => protocol === one),
  );
  const control = usual.filter(({ what, protocol }) => what === CONTROL && protocol === 'udp');
  const off = Math.max(0, ...control.map(({ ratio }) => Math.abs(ratio - 1)));
  const level = ours.flatMap((cell) => {
    const small = ours.find(
      (one) =>
        one.pairs === 10 &&
        cell.pairs === 5_000 &&
        cell.protocol === 'udp' &&
        one.protocol === 'udp' &&
        one.what === cell.what &&
        one.family === cell.family,
    );
    return small === undefined ? [] : [cell.ratio / small.ratio];
  });
  return (['ipset', 'nftables'] as const)
    .flatMap((backend) => {
      const mine = (cells: readonly Measured[] = []) =>
        cells.filter(({ what }) => what.startsWith(`${backend}:`));
      return [
        ...lowest(
          `${backend}, 1,000 pairs and wide subjects`,
          RATE,
          mine(udp).filter(({ what }) => !what.includes('MAC')),
        ),
        ...lowest(
          `${backend}, the same with MACs`,
          WITH_MACS,
          mine(udp).filter(({ what }) => what.includes('MAC')),
        ),
        ...lowest(`${backend}, TCP, 1,000 pairs`, TCP, mine(tcp)),
      ];
    })
    .concat(level.length === 0 ? [] : [atLeast('5,000 pairs over 10', Math.min(...level), LEVEL)])
    .concat(
      control.length === 0
        ? []
        : [
            {
              what: 'the control against itself',
              want: `± ${CONTROL_WITHIN}`,
              got: `± ${share(off)}`,
              met: off <= CONTROL_WITHIN,
            },
          ],
    );
}

/** In hundredths; thousandths of what is small. */
const share = (ratio: number) => (ratio < 0.1 ? ratio.toFixed(3) : ratio.toFixed(2));

const atLeast = (what: string, got: number, limit: number): Target => ({
  what,
  want: `≥ ${limit}`,
  got: share(got),
  met: got >= limit,
});
