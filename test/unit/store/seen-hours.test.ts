import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seenHoursIn } from '../../../src/store/seen-hours.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const A = '00079a00-00000001';
const B = '00079a18-00000002';

describe('files that are only added to', () => {
  let parent: string;
  let folder: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'hedgerow-hours-'));
    folder = join(parent, 'hours');
  });
  afterEach(() => rmSync(parent, { recursive: true }));
  const texts = async (hours: ReturnType<typeof seenHoursIn>, name = A) =>
    (await hours.records(name)).map((record) => Buffer.from(record).toString());

  it('are read at once, written with a flush, and are there after a restart', async () => {
    const hours = seenHoursIn(folder);
    expect(await hours.files()).toEqual([]);
    hours.append(A, bytes('one'));
    expect(await texts(hours)).toEqual(['one']);
    await hours.flush();
    hours.append(A, bytes('two'));
    hours.append(B, bytes('other'));
    expect(await texts(hours)).toEqual(['one', 'two']);
    await hours.flush();
    expect(await texts(hours)).toEqual(['one', 'two']);
    expect(await texts(seenHoursIn(folder))).toEqual(['one', 'two']);
    expect(await hours.files()).toEqual([
      { name: A, bytes: 22 },
      { name: B, bytes: 13 },
    ]);
    expect(hours.health()).toMatchObject({ written: 35, waitingBytes: 0, problem: undefined });
  });

  it('are read up to a torn end, which is counted; files of others are left alone', async () => {
    const hours = seenHoursIn(folder);
    for (const text of ['one', 'two', 'three']) hours.append(A, bytes(text));
    await hours.flush();
    truncateSync(join(folder, A), 30);
    writeFileSync(join(folder, 'README'), 'not ours');
    const later = seenHoursIn(folder);
    expect(await texts(later)).toEqual(['one', 'two']);
    expect(later.health().damaged).toBe(1);
    const whole = readFileSync(join(folder, A));
    whole[10] = 0xff;
    writeFileSync(join(folder, A), whole);
    expect(await texts(later)).toEqual([]);
    expect((await later.files()).map(({ name }) => name)).toEqual([A]);
  });

  it('go at once when they are removed, on disk only after what takes their place', async () => {
    const hours = seenHoursIn(folder);
    hours.append(A, bytes('old'));
    await hours.flush();
    hours.append(`${B}-d`, bytes('new'));
    hours.remove(A, `${B}-d`);
    expect((await hours.files()).map(({ name }) => name)).toEqual([`${B}-d`]);
    expect(await texts(hours)).toEqual([]);
    expect(readdirSync(folder)).toEqual([A]);
    await hours.flush();
    expect(readdirSync(folder)).toEqual([`${B}-d`]);
  });

  it('wait while they cannot be written, capped, and are written once then', async () => {
    writeFileSync(folder, 'a file is in the way');
    const hours = seenHoursIn(folder);
    for (let i = 0; i < 50; i++) hours.append(i < 25 ? A : B, new Uint8Array(100_000).fill(i));
    expect(hours.health().dropped).toBe(11);
    await expect(hours.flush()).rejects.toThrow();
    expect(hours.health().problem).toBeDefined();
    expect(await hours.records(A)).toHaveLength(14);
    rmSync(folder);
    await hours.flush();
    expect(hours.health()).toMatchObject({ problem: undefined, waitingBytes: 0 });
    const later = seenHoursIn(folder);
    expect([...(await later.records(A)), ...(await later.records(B))].map(([first]) => first)).toEqual(
      Array.from({ length: 39 }, (_, i) => i + 11),
    );
    // A write that was cut short: what comes next takes its place.
    writeFileSync(join(folder, B), 'torn', { flag: 'a' });
    hours.append(B, bytes('next'));
    await hours.flush();
    expect(await later.records(B)).toHaveLength(26);
  });
});
