import { expect, test } from 'vitest';
import type { Sighting } from '../../../../src/local/flows/flow.ts';
import { PacketTally } from '../../../../src/local/flows/packet-tally.ts';
import { Tracker } from '../../../../src/local/flows/tracker.ts';
import type { ConntrackEntry } from '../../../../src/local/observe/conntrack.ts';
import { Followed } from '../../../../src/local/observe/external/followed.ts';
import { ExternalIntake } from '../../../../src/local/observe/external/intake.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { packetReport } from './datagrams.ts';

const [TV, CAMERA, FAR] = [
  [192, 168, 77, 11],
  [192, 168, 77, 12],
  [198, 51, 100, 7],
];

/** A router whose conntrack and whose external source feed the same flows. */
function router() {
  const clock = new FakeClock();
  const devices = new Map([['192.168.77.12', 'camera']]);
  const places = {
    isOwn: (address: string) => address === '203.0.113.1',
    isLan: (address: string) => address.startsWith('192.168.77.'),
    deviceAt: (address: string) => devices.get(address),
    remoteAt: (address: string) => address,
  };
  const counted = new Map<string, number>();
  const sees = ({ device, up, down }: Sighting) =>
    void counted.set(device, (counted.get(device) ?? 0) + (up?.packets ?? 0) + (down?.packets ?? 0));
  const followed = new Followed(clock, places);
  const conntrack = followed.beside(new Tracker(places, sees));
  const tally = new PacketTally(places, sees);
  const intake = new ExternalIntake({
    clock,
    holdMs: 5_000,
    interfaceOf: () => undefined,
    isFollowed: (address) => followed.has(address),
    onPacket: (packet) => tally.sees(packet),
    onReading: () => undefined,
  });
  const read = (packets: number) => {
    const there = { src: '192.168.77.11', dst: '198.51.100.7', sport: 40_000, dport: 443 };
    const back = { src: '198.51.100.7', dst: '203.0.113.1', sport: 443, dport: 40_000 };
    const counts = { packets, bytes: packets * 100 };
    const entry: ConntrackEntry = {
      event: undefined,
      protocol: 6,
      original: { ...there, counts },
      reply: { ...back, counts },
      id: 7,
      offloaded: false,
    };
    conntrack.begin();
    conntrack.note(entry);
    conntrack.end(new Set([4]));
  };
  return { clock, devices, counted, tally, intake, read };
}

test('traffic that conntrack and the source see is counted once, also before the device is known', async () => {
  const { clock, devices, counted, tally, intake, read } = router();
  intake.take(packetReport(TV, FAR, { packets: 2n, bytes: 160n }));
  intake.take(packetReport(FAR, TV, { sport: 443, dport: 40_000, packets: 2n, bytes: 160n }));
  await clock.advance(2_000);
  read(2);
  await clock.advance(10_000);
  devices.set('192.168.77.11', 'tv');
  read(5);
  intake.take(packetReport(TV, FAR, { packets: 3n, bytes: 240n }));
  await clock.advance(10_000);
  tally.sweep();
  expect(counted).toEqual(new Map([['tv', 10]]));
  expect(intake.counters).toMatchObject({ followed: 3, packets: 0 });
});

test('traffic that only the source sees is counted, beside devices whose own is followed', async () => {
  const { clock, counted, intake, read } = router();
  read(2);
  intake.take(packetReport(CAMERA, FAR, { packets: 4n, bytes: 400n }));
  await clock.advance(5_000);
  expect(counted).toEqual(new Map([['camera', 4]]));
});
