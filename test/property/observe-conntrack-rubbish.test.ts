import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Tracker } from '../../src/local/flows/tracker.ts';
import { AddressReader } from '../../src/local/observe/address-reader.ts';
import { parseConntrackLine } from '../../src/local/observe/conntrack.ts';
import { dropsOf, socketsOf } from '../../src/local/observe/conntrack-events.ts';
import { LineSplitter } from '../../src/local/observe/lines.ts';
import { fixture, fixtureLines } from '../unit/local/observe/fixture.ts';

const ALL = new Set([4, 6] as const);
/** HEDGEROW_FUZZ=1000000 for the long run. */
const RUBBISH = Number(process.env.HEDGEROW_FUZZ ?? 50_000);

/** A generator of the same numbers in every run (xorshift; Marsaglia). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A real line with letters exchanged, left out, doubled, cut, or with another line's words in it. */
function spoilt(lines: readonly string[], below: (n: number) => number): string {
  let line = lines[below(lines.length)] ?? '';
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(line.length + 1);
    const other = lines[below(lines.length)] ?? '';
    const piece = other.slice(below(other.length + 1)).slice(0, below(40));
    const kind = below(6);
    if (kind === 0) line = line.slice(0, at) + String.fromCharCode(below(256)) + line.slice(at + 1);
    else if (kind === 1) line = line.slice(0, at) + line.slice(at + 1 + below(12));
    else if (kind === 2) line = line.slice(0, at) + piece + line.slice(at);
    else if (kind === 3) line = line.slice(0, at);
    else if (kind === 4) line = line.slice(0, at) + '9'.repeat(below(30)) + line.slice(at);
    else line = line.slice(0, at) + line.slice(at) + line;
  }
  return line;
}

test(
  `${RUBBISH} spoilt lines, as readings and as events: quick, bounded, and no number that is none`,
  () => {
    const files = ['E-timestamp-id-extended', 'E2-timestamp-id-extended', 'E2-noextended-update', 'L-plain'];
    files.push('L2-extended-id', 'L3-gre-unknown', 'SYNTHETIC-offload', 'proc2-net-nf_conntrack');
    const lines = files.flatMap((file) => fixtureLines(`conntrack/${file}.txt`));
    let odd = 0;
    const places = {
      isOwn: (address: string) => address === '203.0.113.1',
      isLan: (address: string) => /^192\.168\.|^fd/.test(address),
      deviceAt: (address: string) => (/\.11$|::11$/.test(address) ? 'tv' : undefined),
      remoteAt: (address: string) => address,
    };
    const tracker = new Tracker(places, ({ up, down }) => {
      for (const count of [up?.packets, up?.bytes, down?.packets, down?.bytes])
        if (count !== undefined && !(Number.isSafeInteger(count) && count >= 0)) odd += 1;
    });
    const addresses = new AddressReader();
    const below = numbers(20_261_121);
    let read = 0;
    const splitter = new LineSplitter((line) => {
      const entry = parseConntrackLine(line, addresses);
      if (entry === undefined) return;
      read += 1;
      if (entry.event === 'DESTROY') tracker.ended(entry);
      else if (entry.event === 'NEW') tracker.began(entry);
      else tracker.note(entry);
    });
    const before = process.memoryUsage().rss;
    const begun = process.cpuUsage();
    for (let n = 0; n < RUBBISH; n++) {
      if (n % 2_000 === 0) {
        tracker.end(ALL);
        tracker.begin();
      }
      splitter.push(Buffer.from(`${spoilt(lines, below)}\n`, 'latin1'));
    }
    const { user, system } = process.cpuUsage(begun);
    expect(odd).toBe(0);
    expect(read).toBeGreaterThan(RUBBISH / 20);
    expect((user + system) / 1000 / RUBBISH, 'milliseconds a line').toBeLessThan(1);
    expect((process.memoryUsage().rss - before) / 1e6, 'MB').toBeLessThan(200);
  },
  60_000 + RUBBISH,
);

test('tables of sockets: rubbish is no exception and no odd number', () => {
  const table =
    'sk       Eth Pid        Groups   Drops    Inode\n0000 12  38 00000005 0 0 0 2        7       8356143 \n';
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(200), (text, at) => {
      const spoiltTable = table.slice(0, at) + text + table.slice(at);
      const sockets = socketsOf(`3 -> socket:[8356143]\n${text}`);
      expect(sockets.has('8356143')).toBe(true);
      expect(dropsOf(spoiltTable, sockets)).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(dropsOf(table, new Set(['8356143']))).toBe(7);
  expect(socketsOf(fixture('conntrack/L-plain.txt')).size).toBe(0);
});
