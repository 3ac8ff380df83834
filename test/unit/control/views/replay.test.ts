import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { Entry } from '../../../../src/control/book/entry.ts';
import { type Rehearsal, rehearse } from '../../../../src/control/rehearsal.ts';
import { type ReplayView, replayView } from '../../../../src/control/views/replay.ts';
import { noInterfaces } from '../../../../src/local/observe/interfaces.ts';
import { CaptureFile } from '../../../../src/local/replay/capture-file.ts';
import { type Progress, type ReplayOptions, replay } from '../../../../src/local/replay/replay.ts';
import { ROUTER, TV } from '../../local/observe/packets.ts';
import {
  ADS,
  asPcap,
  asPcapng,
  CAMERA,
  CAMERA_AT,
  frames,
  HOME,
  NTP,
  TV_AT,
  truth,
} from '../../local/replay/home-capture.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-replay-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function shown(
  capture: Uint8Array,
  entries?: readonly Entry[],
  more: Partial<ReplayOptions> = {},
): Promise<ReplayView> {
  const path = join(folder, 'home.capture');
  await writeFile(path, capture);
  const file = await CaptureFile.open(path);
  try {
    let home: Rehearsal | undefined;
    const replayed = await replay({
      file,
      speed: 'max',
      clock: systemClock,
      signal: new AbortController().signal,
      stage: (clock, interfaces) => {
        home = rehearse({ clock, interfaces, entries });
        expect(home.misfits).toEqual([]);
        return home;
      },
      ...more,
    });
    if (home === undefined) throw new Error('nothing was replayed');
    return replayView(file, replayed, home, (mac) => (mac === TV ? 'Telly Works' : undefined));
  } finally {
    await file.close();
  }
}

test('devices, partners, names and bytes are those of the capture', async () => {
  const view = await shown(asPcap());
  const [tv, camera] = view.devices;
  expect(view.devices).toHaveLength(2);
  expect(tv).toMatchObject({
    label: 'living-room-tv',
    mac: TV,
    vendor: 'Telly Works',
    addresses: [TV_AT],
    firstSeen: '1970-01-01T00:16:40.500Z',
    neverContacted: ['never.example'],
    up: { bytes: truth.ads.up.bytes + truth.ntp.up.bytes + truth.camera.down.bytes },
  });
  expect(tv?.partners.map(({ label, up, down }) => ({ label, up, down }))).toEqual([
    { label: 'ads.example', ...truth.ads },
    { label: NTP, ...truth.ntp },
    { label: CAMERA, up: truth.camera.down, down: truth.camera.up },
  ]);
  expect(tv?.partners[0]?.addresses).toEqual([
    {
      address: ADS,
      names: [],
      services: [{ protocol: 'tcp', port: 443, ...truth.ads, connections: 1 }],
    },
  ]);
  expect(tv?.asked.map(({ domain, asked, answered }) => [domain, asked, answered])).toEqual([
    ['ads.example', 1, 1],
    ['never.example', 1, 1],
  ]);
  expect(camera).toMatchObject({ mac: CAMERA, addresses: [CAMERA_AT], randomisedMac: true });
  expect(camera?.partners).toMatchObject([{ label: 'living-room-tv', isDevice: true, ...truth.camera }]);
  expect(view).toMatchObject({
    frames: frames.length,
    durationS: frames.length - 1,
    damage: undefined,
    interrupted: false,
    counted: truth.counted,
    left: truth.left,
    dropped: {},
    lan: { prefixes: ['192.168.77.0/24'], routers: [{ mac: ROUTER }], routerAddresses: [HOME] },
    trial: undefined,
  });
});

test('pcapng shows the same, and so does every replay', async () => {
  const timeless = ({
    tookMs: _took,
    packetsPerSecond: _rate,
    bytes: _bytes,
    bytesRead: _read,
    ...view
  }: ReplayView) => view;
  const view = timeless(await shown(asPcap()));
  expect(timeless(await shown(asPcapng()))).toEqual(view);
  expect(timeless(await shown(asPcap()))).toEqual(view);
});

test('a domain is blocked from when its name is known; between devices of one segment nothing is', async () => {
  const { trial, devices } = await shown(asPcap(), [
    { kind: 'name', of: TV, text: 'Telly' },
    { kind: 'block', a: 'Telly', b: 'ads.example', terms: {} },
    { kind: 'block', a: TV, b: CAMERA, terms: {} },
    { kind: 'block', a: CAMERA, b: 'internet', terms: {} },
  ]);
  expect(devices[0]?.label).toBe('Telly');
  expect(trial?.policies.map(({ words, blocked }) => [words, blocked])).toEqual([
    ['block Telly – ads.example', truth.blocked],
    [`block Telly – ${CAMERA}`, { packets: 0, bytes: 0 }],
    [`block ${CAMERA} – internet`, { packets: 0, bytes: 0 }],
  ]);
  expect(trial?.policies[0]?.devices).toMatchObject([
    { label: 'Telly', ...truth.blocked, first: '1970-01-01T00:16:47.500Z', last: '1970-01-01T00:16:49.500Z' },
  ]);
  expect(trial?.blocked).toEqual(truth.blocked);
  expect(trial?.beside.packets).toBe(2);
});

test('of a router itself it is said that no capture tells', async () => {
  const attic = `router:${'ab'.repeat(32)}`;
  const { trial } = await shown(asPcap(), [
    { kind: 'block', a: attic, b: 'ads.example', terms: {} },
    { kind: 'block', a: TV, b: 'ads.example', terms: {} },
  ]);
  expect(trial?.policies.map(({ untold, blocked }) => [untold, blocked.packets])).toEqual([
    ["a capture does not show a router's own traffic apart from what it forwards", 0],
    [undefined, truth.blocked.packets],
  ]);
});

test('every word of the policy counts: everyone, exceptions, times by the clock of the capture', async () => {
  const at = (second: number) => Date.UTC(1970, 0, 1, 0, 16, 40 + second);
  const block = async (...entries: Entry[]) => (await shown(asPcap(), entries)).trial?.blocked.packets;
  const internet: Entry = { kind: 'block', a: 'home', b: 'internet', terms: {} };
  expect(await block(internet)).toBe(6);
  expect(await block(internet, { kind: 'allow', a: TV, b: NTP, terms: {} })).toBe(4);
  expect(await block({ ...internet, terms: { until: at(-10) } })).toBe(0);
  expect(await block({ ...internet, terms: { for: 1_000 } })).toBe(6);
  expect(await block({ kind: 'block', a: 'home', b: ADS, terms: {} })).toBe(4);
  const never = { days: 127, from: 600, to: 660 };
  expect(await block({ ...internet, terms: { windows: [never] } })).toBe(0);
  expect(await block({ ...internet, terms: { windows: [{ days: 127, from: 0, to: 60 }] } })).toBe(6);
});

test('words that stand for nothing are told with their place', () => {
  const { misfits, policies } = rehearse({
    clock: systemClock,
    interfaces: () => noInterfaces,
    entries: [
      { kind: 'block', a: 'ghost', b: 'internet', terms: {} },
      { kind: 'block', a: 'house', b: 'internet', terms: {} },
      { kind: 'name', of: TV, text: 'house' },
    ],
  });
  expect(misfits).toEqual([{ index: 0, message: 'nothing here is called "ghost"' }]);
  expect(policies).toHaveLength(1);
});

test('named prefixes count; whoever is outside is no device', async () => {
  const view = await shown(asPcap(), undefined, { lan: ['10.0.0.0/8'] });
  expect(view.lan.prefixes).toEqual(['10.0.0.0/8']);
  expect(view.devices).toEqual([]);
});

test('what could be read of a capture that is cut off is shown, and the damage told', async () => {
  const whole = asPcap();
  const view = await shown(whole.subarray(0, whole.length - 20));
  expect(view.damage).toMatch(/ends in the middle/);
  expect(view).toMatchObject({ frames: frames.length - 1, counted: truth.counted });
});

test('a person may end it early: what was read until then is shown', async () => {
  const stop = new AbortController();
  const view = await shown(asPcap(), undefined, {
    signal: stop.signal,
    onProgress: ({ done }: Progress) => {
      expect(done).toBe(1);
      stop.abort(new Error('SIGINT'));
    },
  });
  expect(view).toMatchObject({ interrupted: true, frames: frames.length });
});

test.each([
  ['nothing', Buffer.alloc(0), /is no capture/],
  ['text', Buffer.from('these are not the frames you are looking for'), /is no capture/],
  ['something compressed', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), /is compressed/],
])('%s is no capture', async (_, bytes, why) => {
  await expect(shown(bytes)).rejects.toThrow(why);
  await expect(shown(bytes)).rejects.toMatchObject({ name: 'DataError', exitCode: 65 });
});

test('a file that is not there, and a folder', async () => {
  await expect(CaptureFile.open(join(folder, 'missing'))).rejects.toMatchObject({ name: 'UnavailableError' });
  await expect(CaptureFile.open(folder)).rejects.toMatchObject({ name: 'DataError' });
});

test('an empty capture is one too', async () => {
  expect(await shown(asPcap().subarray(0, 24))).toMatchObject({ frames: 0, devices: [], first: undefined });
});
