import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { printReplay, progressOn } from '../../../src/cli/replay-text.ts';
import type { ReplayedDevice, ReplayView } from '../../../src/control/views/replay.ts';
import { FakeClock } from '../../support/fake-clock.ts';

let written = '';
beforeEach(() => {
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const amount = (packets: number, bytes: number) => ({ packets, bytes });

const tv: ReplayedDevice = {
  id: 'ab'.repeat(16),
  label: 'evil\x1b[2J tv',
  mac: '50:c7:bf:00:c7:03',
  vendor: 'Telly Works',
  randomisedMac: false,
  names: ['evil\x1b[2J tv', 'den'],
  addresses: ['192.168.77.11'],
  linkLocal: [],
  firstSeen: '2026-11-21T18:00:00.000Z',
  lastSeen: '2026-11-21T18:01:30.000Z',
  frames: 7,
  up: amount(3, 1_500),
  down: amount(4, 2_000_000),
  partners: ['ads.example', '198.51.100.9'].map((label) => ({
    label,
    isDevice: false,
    up: amount(3, 1_500),
    down: amount(4, 2_000_000),
    connections: 1,
    addresses: [
      {
        address: '198.51.100.9',
        names: [],
        services: [
          { protocol: 'tcp', port: 443, up: amount(3, 1_500), down: amount(4, 2_000_000), connections: 1 },
        ],
      },
    ],
  })),
  asked: [],
  neverContacted: ['never.example'],
};

const view: ReplayView = {
  file: 'home.pcap',
  bytes: 5_000,
  bytesRead: 4_000,
  damage: undefined,
  interrupted: false,
  severalInterfaces: false,
  frames: 12_345,
  frameBytes: 2_100_000,
  first: '2026-11-21T18:00:00.000Z',
  last: '2026-11-21T18:01:30.000Z',
  durationS: 90,
  tookMs: 50,
  packetsPerSecond: 246_900,
  lan: {
    prefixes: ['192.168.77.0/24'],
    routers: [{ mac: '02:00:00:00:00:01', vendor: undefined }],
    routerAddresses: ['192.168.77.1'],
  },
  devices: [tv],
  counted: 12_300,
  left: { router: 45, local: 0, unknown: 0, notIp: 0, damaged: 0, link: 0, noMac: 0, full: 0 },
  dropped: {},
  trial: undefined,
};

test('the summary says who talked to whom, and what is not in it', () => {
  printReplay(view, 1);
  expect(written).toBe(`home.pcap: 12,345 packets, 2.1 MB, 90 s from 2026-11-21 18:00:00 UTC
LAN 192.168.77.0/24 · router 192.168.77.1, 02:00:00:00:00:01 · 1 device

evil?[2J tv  50:c7:bf:00:c7:03 · Telly Works · 192.168.77.11 · also den
  seen from 2026-11-21 18:00:00 UTC for 90 s; up 1.5 kB, down 2.0 MB
  WITH         SERVICE  UP      DOWN    PACKETS  ADDRESSES
  ads.example  tcp/443  1.5 kB  2.0 MB  7        198.51.100.9
  and 1 more
  asked for, never contacted: never.example

12,300 packets are in the flows above; not in them:
  45 with the router itself, or of no device
replayed in 0.05 s: 246,900 packets/s
`);
});

test('damage, an early end and limits are told', () => {
  printReplay(
    {
      ...view,
      damage: 'a frame that is too long',
      interrupted: true,
      severalInterfaces: true,
      devices: [],
      dropped: { names: 7 },
      lan: { prefixes: [], routers: [], routerAddresses: [] },
    },
    10,
  );
  expect(written).toContain('damaged: a frame that is too long');
  expect(written).toContain('interrupted after 4.0 kB of 5.0 kB');
  expect(written).toContain('a capture of its LAN interface alone is exact');
  expect(written).toContain('LAN not found · no router in sight · 0 devices\n\nno device was seen');
  expect(written).toContain('too many names: 7 were not kept apart');
});

test('what policies would have blocked, by policy and device', () => {
  const device = { id: tv.id, label: 'tv', ...amount(3, 1_500), first: '', last: '' };
  printReplay(
    {
      ...view,
      devices: [],
      trial: {
        policies: [
          {
            id: 'a',
            words: 'block tv – ads.example',
            untold: undefined,
            blocked: amount(3, 1_500),
            devices: [device],
          },
          { id: 'b', words: 'block tv – lan', untold: undefined, blocked: amount(0, 0), devices: [] },
          {
            id: 'c',
            words: 'block attic – lan',
            untold: 'no router is shown',
            blocked: amount(0, 0),
            devices: [],
          },
        ],
        blocked: amount(3, 1_500),
        beside: amount(2, 80),
      },
    },
    10,
  );
  expect(written).toContain(`These policies would have blocked
  POLICY                  DEVICE  PACKETS   BYTES
  block tv – ads.example          3         1.5 kB
                          tv      3         1.5 kB
  block tv – lan                  nothing
  block attic – lan               not told
  not told: no router is shown
  3 packets all in all, 1.5 kB; as captured: blocked devices try again
  2 more went from device to device without a router between them`);
});

test('progress is written over itself, on a terminal only, and taken away in the end', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const stream = (isTTY: boolean) => ({ isTTY, write: (text: string) => lines.push(text) }) as never;
  const progress = progressOn(stream(true), clock);
  await clock.advance(1_000);
  progress.show({ done: 0.5, frames: 5_000, tookMs: 1_000 });
  progress.show({ done: 0.6, frames: 6_000, tookMs: 1_100 });
  progress.end();
  progress.end();
  expect(lines).toEqual(['\r50 %  5,000 packets, 5,000/s\x1b[K', '\r\x1b[K']);
  const silent = progressOn(stream(false), clock);
  silent.show({ done: 1, frames: 1, tookMs: 1 });
  silent.end();
  expect(lines).toHaveLength(2);
});
