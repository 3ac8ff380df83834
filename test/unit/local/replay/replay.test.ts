import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NodeCache } from '../../../../src/local/nodes/node-cache.ts';
import { CaptureFile } from '../../../../src/local/replay/capture-file.ts';
import { type Progress, replay } from '../../../../src/local/replay/replay.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { crypto } from '../../../support/household.ts';
import { enhancedPacket, interfaceBlock, section } from '../observe/packets.ts';
import { asPcap, frames } from './home-capture.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-replay-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Time that passes only where it is waited for. */
class SleepingClock extends FakeClock {
  #slept = 0;
  readonly sleeps: number[] = [];
  override monotonic(): number {
    return this.#slept;
  }
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#slept += ms;
    this.sleeps.push(Math.round(ms));
  }
}

async function replayed(
  capture: Uint8Array,
  clock: SleepingClock,
  {
    speed = 'real' as 'real' | 'max',
    onProgress = (_: Progress) => {},
    signal = new AbortController().signal,
  } = {},
) {
  const path = join(folder, 'paced.capture');
  await writeFile(path, capture);
  const file = await CaptureFile.open(path);
  try {
    return await replay({
      file,
      speed,
      clock,
      signal,
      onProgress,
      stage: (packets) => ({ cache: new NodeCache({ home: '00'.repeat(32), crypto, clock: packets }) }),
    });
  } finally {
    await file.close();
  }
}

test('at its own pace a capture takes as long as it was captured, and tells how far it is', async () => {
  const clock = new SleepingClock();
  const progress: Progress[] = [];
  const result = await replayed(asPcap(), clock, { onProgress: (one) => progress.push(one) });
  expect(clock.sleeps).toEqual(new Array(frames.length - 1).fill(1_000));
  expect(result).toMatchObject({ tookMs: (frames.length - 1) * 1_000, interrupted: false });
  expect(result.replayer.frames.frames).toBe(frames.length);
  expect(progress.map(({ done }) => done)).toEqual(
    progress.map(({ done }) => done).toSorted((x, y) => x - y),
  );
  expect(progress[9]).toMatchObject({ done: 0.5, frames: 10, tookMs: 9_000 });
});

test('as fast as it goes nothing is waited for', async () => {
  const clock = new SleepingClock();
  await replayed(asPcap(), clock, { speed: 'max' });
  expect(clock.sleeps).toEqual([]);
});

test('a long gap is cut short, also one that is a broken clock’s', async () => {
  const [one = new Uint8Array(0)] = frames;
  const at = (seconds: number): [number, number] => [
    Math.floor((seconds * 1e6) / 2 ** 32),
    (seconds * 1e6) % 2 ** 32,
  ];
  const clock = new SleepingClock();
  const capture = [
    section(),
    interfaceBlock(1),
    ...[0, 86_400, 86_401, 86_402].map((when) => enhancedPacket(0, at(when), one)),
  ];
  await replayed(Buffer.concat(capture), clock);
  expect(clock.sleeps).toEqual([60_000, 1_000, 1_000]);
});

test('whoever ends it in a pause gets what came before', async () => {
  const stop = new AbortController();
  const result = await replayed(asPcap(), new SleepingClock(), {
    signal: stop.signal,
    onProgress: ({ frames: seen }) => {
      if (seen === 5) stop.abort(new Error('enough'));
    },
  });
  expect(result.interrupted).toBe(true);
  expect(result.replayer.frames.frames).toBe(5);
});

test('time far apart costs no more sweeps than there is to age', async () => {
  const [one = new Uint8Array(0)] = frames;
  const packets = Array.from({ length: 50 }, (_, n) => enhancedPacket(0, [n * 1_000_000, 0], one));
  const result = await replayed(
    Buffer.concat([section(), interfaceBlock(1), ...packets]),
    new SleepingClock(),
    {
      speed: 'max',
    },
  );
  expect(result.replayer.frames.frames).toBe(50);
  expect(result.replayer.presences.all()).toHaveLength(1);
});
