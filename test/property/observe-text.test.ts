import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressReader } from '../../src/local/observe/address-reader.ts';
import { parseConntrackLine } from '../../src/local/observe/conntrack.ts';
import { cleanHostName } from '../../src/local/observe/facts.ts';
import { deduceInterfaces } from '../../src/local/observe/interfaces.ts';
import { parseLeases } from '../../src/local/observe/leases.ts';
import { parseArpLine, parseNeighbourLine } from '../../src/local/observe/neighbours.ts';
import { canonicalAddress, canonicalMac } from '../../src/policy/address.ts';
import { fixtureLines } from '../unit/local/observe/fixture.ts';

const RUNS = { numRuns: 2_000 };

/** Real lines with words exchanged, doubled, cut and spoilt: further into a parser than noise gets. */
function mutated(lines: string[]): fc.Arbitrary<string> {
  const junk = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      'src=',
      'dst=1.2.3.4',
      'id=99999999999999999999999',
      'dev',
      'lladdr',
      '[',
      '=',
      '\0',
      'ipv4',
    ),
    fc.constantFrom('sport=-1', 'bytes=1e9', 'packets=0x10', '::ffff:1.2.3.4', '1.2.3.4.5', 'inet', 'scope'),
  );
  const edit = fc.tuple(fc.nat(), fc.constantFrom('replace', 'insert', 'delete', 'cut'), junk);
  return fc.tuple(fc.constantFrom(...lines), fc.array(edit, { maxLength: 6 })).map(([line, edits]) => {
    const words = line.split(' ');
    for (const [position, kind, text] of edits) {
      const at = position % Math.max(1, words.length);
      if (kind === 'replace') words[at] = text;
      else if (kind === 'insert') words.splice(at, 0, text);
      else if (kind === 'delete') words.splice(at, 1);
      else words.splice(at);
    }
    return words.join(' ');
  });
}

const anything = (lines: string[]) =>
  fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.string({ maxLength: 400 }), mutated(lines));

test('conntrack: rubbish is refused or read into canonical, bounded values', () => {
  const lines = [
    ...fixtureLines('conntrack/L2-extended-id.txt'),
    ...fixtureLines('conntrack/E2-timestamp-id-extended.txt'),
    ...fixtureLines('conntrack/proc3-gre-unknown.txt'),
  ];
  const reader = new AddressReader();
  fc.assert(
    fc.property(anything(lines), (line) => {
      const entry = parseConntrackLine(line, reader);
      if (entry === undefined) return;
      expect(entry.protocol).toBeLessThanOrEqual(255);
      for (const { src, dst, sport, dport, counts } of [entry.original, entry.reply]) {
        expect([canonicalAddress(src), canonicalAddress(dst)]).toEqual([src, dst]);
        for (const port of [sport, dport]) expect(port >= 0 && port <= 65_535).toBe(true);
        for (const count of Object.values(counts ?? {})) expect(Number.isSafeInteger(count)).toBe(true);
      }
    }),
    RUNS,
  );
});

test('neighbours: rubbish is refused or read into canonical values', () => {
  const lines = [
    ...fixtureLines('neighbours/ip-neigh-show.txt'),
    ...fixtureLines('neighbours/busybox-ip-neigh.txt'),
    ...fixtureLines('neighbours/ip-monitor-neigh.txt'),
    ...fixtureLines('neighbours/proc-net-arp.txt'),
  ];
  fc.assert(
    fc.property(anything(lines), (line) => {
      for (const entry of [parseNeighbourLine(line), parseArpLine(line)]) {
        if (entry === undefined) continue;
        expect(canonicalAddress(entry.address)).toBe(entry.address);
        if (entry.mac === undefined) expect(entry.state).toBe('gone');
        else expect(canonicalMac(entry.mac)).toBe(entry.mac);
      }
    }),
    RUNS,
  );
});

test('interfaces and leases: rubbish is no exception', () => {
  const addr = '2: br-lan    inet 192.168.77.1/24 brd 192.168.77.255 scope global br-lan';
  const link = '3: wan0@if4: <UP> mtu 1500 state UP \\    link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff';
  const route = 'default via 203.0.113.2 dev wan0 proto static';
  const lease = '1795259507 02:00:00:00:01:02 192.168.77.108 kitchen-tv 01:02:00:00:00:01:02';
  const text = fc
    .array(anything([addr, link, route, lease]), { maxLength: 6 })
    .map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, text, (one, two, three) => {
      const found = deduceInterfaces(
        { addr: one, link: two, route4: three, route6: three },
        { router: 'attic' },
      );
      for (const address of [...found.addresses, ...found.nextHops]) {
        expect(canonicalAddress(address)).toBe(address);
      }
      for (const { mac, name } of parseLeases(one)) {
        expect(canonicalMac(mac)).toBe(mac);
        expect(name.length).toBeGreaterThan(0);
      }
    }),
    RUNS,
  );
});

test('host names are short, printable, and clean once cleaned', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
      const name = cleanHostName(text);
      if (name === undefined) return;
      expect(Array.from(name).length).toBeLessThanOrEqual(63);
      expect(name).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
    RUNS,
  );
});
