import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { PacketTally } from '../../src/local/flows/packet-tally.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { CaptureReader } from '../../src/local/observe/capture-reader.ts';
import type { Packet } from '../../src/local/observe/packet.ts';
import { deduceLan } from '../../src/local/replay/lan-finder.ts';
import { PacketClock } from '../../src/local/replay/packet-clock.ts';
import { Replayer } from '../../src/local/replay/replayer.ts';
import { Stations } from '../../src/local/replay/stations.ts';
import { Trial } from '../../src/local/replay/trial.ts';
import { emptyBlockSet } from '../../src/policy/block-set.ts';
import { crypto } from '../support/household.ts';
import { asPcap, asPcapng } from '../unit/local/replay/home-capture.ts';

/** CI draws some; `REPLAY_RUNS=100000` many. */
const RUNS = Number(process.env.REPLAY_RUNS ?? 500);
const TIMEOUT_MS = 30_000 + RUNS * 20;

function replayed(capture: Uint8Array, chunks: readonly number[]): Replayer {
  const clock = new PacketClock();
  const cache = new NodeCache({ home: '00'.repeat(32), crypto, clock });
  const trial = new Trial({ clock, cache, blockSet: () => emptyBlockSet });
  const replayer = new Replayer({
    clock,
    cache,
    flows: new FlowTable({ clock }),
    stations: new Stations(),
    lan: undefined,
    trial,
    sni: true,
  });
  const reader = new CaptureReader((frame) => replayer.take(frame));
  let at = 0;
  for (const size of [...chunks, capture.length]) {
    reader.push(capture.subarray(at, at + size));
    at += size;
  }
  reader.end();
  replayer.finish();
  return replayer;
}

/** Every frame is accounted for, once. */
function accountsFor(replayer: Replayer): void {
  const { packets, counted, router, special, full, unknown } = replayer.tally.counters;
  const { notIp, damaged, link, broadcast, noMac } = replayer.left;
  expect(packets).toBe(counted + router + special + full + unknown);
  expect(replayer.frames.frames).toBe(packets + notIp + damaged + link + broadcast + noMac);
  let sum = 0;
  for (const flow of replayer.flows()) sum += (flow.up?.packets ?? 0) + (flow.down?.packets ?? 0);
  expect(sum).toBeLessThanOrEqual(counted);
}

test('rubbish in a capture is no error, and every frame that was read is accounted for', {
  timeout: TIMEOUT_MS,
}, () => {
  const captures = [asPcap(), asPcapng()];
  fc.assert(
    fc.property(
      fc.constantFrom(...captures),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 12 }),
      fc.array(fc.nat(400), { maxLength: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (capture, changes, chunks, kept) => {
        const bytes = Uint8Array.from(capture.subarray(0, Math.ceil(capture.length * (1 - kept / 4))));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        accountsFor(replayed(bytes, chunks));
      },
    ),
    { numRuns: RUNS },
  );
});

const address = fc.constantFrom(
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.3',
  '198.51.100.7',
  '2001:db8::7',
  'fd00::2',
  '::',
  '224.0.0.1',
);
const port = fc.constantFrom(0, 53, 443, 1_900, 8_080, 40_000, 41_024);
const packet: fc.Arbitrary<Packet> = fc.record({
  src: address,
  dst: address,
  protocol: fc.constantFrom(1, 6, 17, 47, 58),
  sport: port,
  dport: port,
  packets: fc.integer({ min: 1, max: 3 }),
  bytes: fc.integer({ min: 20, max: 1_500 }),
});

test('a tally tells each packet once or says why not, and ends as many connections as it begins', {
  timeout: TIMEOUT_MS,
}, () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(packet, fc.constant('sweep' as const), fc.constant('learn' as const)), {
        maxLength: 60,
      }),
      fc.integer({ min: 1, max: 8 }),
      (steps, maxConnections) => {
        const known = new Map([['10.0.0.1', 'tv']]);
        let [packets, bytes, open] = [0, 0, 0];
        const tally = new PacketTally(
          {
            isOwn: (one) => one === '10.0.0.3',
            isLan: (one) => one.startsWith('10.') || one.startsWith('fd'),
            deviceAt: (one) => known.get(one),
            remoteAt: (one) => (one === '2001:db8::7' ? undefined : one),
          },
          ({ up, down, entries }, near) => {
            packets += (up?.packets ?? 0) + (down?.packets ?? 0);
            bytes += (up?.bytes ?? 0) + (down?.bytes ?? 0);
            open += entries;
            expect(known.has(near)).toBe(true);
          },
          { maxConnections, idleSweeps: 1 },
        );
        let all = 0;
        for (const step of steps) {
          if (step === 'sweep') tally.sweep();
          else if (step === 'learn') known.set('10.0.0.2', 'camera').set('fd00::2', 'phone');
          else {
            all += step.packets;
            tally.sees(step);
          }
          expect(tally.size).toBeLessThanOrEqual(maxConnections);
        }
        tally.finish();
        const { router, special, full, unknown, counted } = tally.counters;
        expect(tally.counters.packets).toBe(all);
        expect(counted).toBe(packets);
        expect(counted + router + special + full + unknown).toBe(all);
        expect([open, tally.size]).toEqual([0, 0]);
        expect(bytes).toBeGreaterThanOrEqual(packets > 0 ? 20 : 0);
      },
    ),
    { numRuns: RUNS },
  );
});

const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'];

test('whatever stations say: no router’s address is a device’s own, and prefixes are prefixes', {
  timeout: TIMEOUT_MS,
}, () => {
  const mac = fc.constantFrom(...MACS);
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.constantFrom('carried', 'claimed', 'advertised', 'dhcp'), mac, mac, address, address),
        {
          maxLength: 30,
        },
      ),
      (events) => {
        const stations = new Stations();
        for (const [what, one, other, src, dst] of events) {
          if (what === 'carried') stations.carried(one, other, src, dst);
          else if (what === 'claimed') stations.claimed(one, src);
          else if (what === 'advertised') stations.advertised(one);
          else stations.servedDhcp(one);
        }
        const { macs, addresses, lanPrefixes } = deduceLan(stations);
        for (const station of stations.all())
          if (!macs.has(station.mac))
            expect([...addresses].filter((own) => station.sources.has(own))).toEqual([]);
        for (const prefix of lanPrefixes) expect(prefix).toMatch(/\/(24|64)$/);
      },
    ),
    { numRuns: RUNS },
  );
});
