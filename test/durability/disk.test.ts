import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../lab/wait.ts';
import { type Agent, inStep, joinHome, Place } from './agent.ts';

/** A small file system of its own that can be filled and be made read-only. */
class Disk {
  readonly path = mkdtempSync(join(tmpdir(), 'hedgerow-disk-'));
  #image = `${this.path}.image`;
  readonly #filler = join(this.path, 'filler');

  constructor() {
    writeFileSync(this.#image, '');
    truncateSync(this.#image, 48_000_000);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', this.#image]);
    this.#mount();
  }

  /** Leaves not one byte. */
  fill(): void {
    const file = openSync(this.#filler, 'w');
    try {
      for (let size = 1 << 20; size >= 512; size >>= 1) fillBy(file, size);
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#filler);
  }

  /** Who was killed a moment ago may still keep it busy. */
  async make(how: 'ro' | 'rw'): Promise<void> {
    const remount = () => spawnSync('mount', ['-o', `remount,${how}`, this.path]).status === 0;
    await until(`the disk to be ${how}`, remount, { everyMs: 50 });
  }

  /** It fails as a worn card does: read-only from one moment to the next, whoever writes (ext4(5), `abort`). */
  fail(): void {
    execFileSync('mount', ['-o', 'remount,abort', this.path]);
  }

  /**
   * What a person does then: checks it and mounts it again. Nobody may use it. It is a copy, because a mount
   * namespace that somebody made meanwhile may keep the failed one.
   */
  mend(): void {
    execFileSync('umount', ['--lazy', this.path]);
    const failed = this.#image;
    this.#image = `${failed}.mended`;
    copyFileSync(failed, this.#image);
    rmSync(failed);
    // 1: errors were corrected.
    expect(spawnSync('e2fsck', ['-p', '-f', this.#image]).status).toBeLessThanOrEqual(1);
    this.#mount();
  }

  remove(): void {
    execFileSync('umount', ['--lazy', this.path]);
    rmSync(this.path, { recursive: true, force: true });
    rmSync(this.#image);
  }

  #mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.path]);
  }
}

function fillBy(file: number, size: number): void {
  const bytes = Buffer.alloc(size);
  try {
    while (true) {
      if (writeSync(file, bytes) < size) return;
      fsyncSync(file);
    }
  } catch (error) {
    expect(error).toHaveProperty('code', 'ENOSPC');
  }
}

let disk: Disk;
let place: Place;
let attic: Agent;
let garage: Agent;

beforeEach(async () => {
  disk = new Disk();
  place = new Place('disk');
  const stateDir = join(disk.path, 'state');
  mkdirSync(stateDir, { mode: 0o700 });
  attic = place.agent('attic', stateDir);
  garage = place.agent('garage');
  await Promise.all([attic.start(), garage.start()]);
  await joinHome(attic, garage);
  await attic.block('before.example');
  await inStep(attic, garage);
});
afterEach(async () => {
  await place.leave();
  disk.remove();
});

/** Fills the disk up to where the store cannot even end the block that it has begun. */
async function untilRefused(): Promise<string> {
  disk.fill();
  for (let n = 0; n < 100; n++) {
    try {
      await attic.block(`full${n}.example`);
    } catch (error) {
      expect(error).toMatchObject({ name: 'TemporaryError', exitCode: 75 });
      expect(error).toHaveProperty('message', expect.stringContaining('could not be written'));
      return `full${n}.example`;
    }
  }
  throw new Error('a full disk took 100 changes');
}

const problem = async () => (await attic.status()).problems.find((text) => text.includes('written'));

describe('a disk that fills up while the agent runs', () => {
  it('refuses what it cannot keep, and goes on when there is room', async () => {
    const refused = await untilRefused();
    expect(await problem()).toContain('the store cannot be written');
    expect(await attic.blocked()).toContain('before.example');
    await expect(attic.block('still-full.example')).rejects.toMatchObject({ name: 'TemporaryError' });
    disk.free();
    for (let n = 0; n < 200; n += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, i) => attic.block(`after${n + i}.example`)));
    }
    await attic.unblock('before.example');
    expect(await problem()).toBeUndefined();
    const expected = await attic.blocked();
    expect(expected).toContain(refused);
    // What was written behind a torn record would be lost now.
    await attic.end('SIGKILL');
    await garage.end();
    await attic.start();
    expect(await attic.blocked()).toEqual(expected);
    await garage.start();
    await inStep(attic, garage);
    expect(await garage.blocked()).toEqual(expected);
  });

  it('loses nothing that was acknowledged when it is killed on the full disk', async () => {
    await untilRefused();
    await attic.end('SIGKILL');
    await garage.end();
    await attic.start();
    expect(await attic.blocked()).toContain('before.example');
    await until('the problem to be told', problem);
    await expect(attic.block('still-full.example')).rejects.toMatchObject({ name: 'TemporaryError' });
    disk.free();
    await attic.block('after.example');
    await attic.end('SIGKILL');
    await attic.start();
    expect(await attic.blocked()).toEqual(expect.arrayContaining(['before.example', 'after.example']));
  });
});

describe('a disk that becomes read-only', () => {
  it('while the agent runs: it refuses changes, and loses nothing that it had answered', async () => {
    disk.fail();
    await expect(attic.block('read-only.example')).rejects.toMatchObject({
      name: 'TemporaryError',
      message: expect.stringMatching(/could not be written.*[Rr]ead-only/),
    });
    expect(await problem()).toMatch(/[Rr]ead-only/);
    expect(await attic.blocked()).toContain('before.example');
    await Promise.all([attic.end('SIGKILL'), garage.end()]);
    disk.mend();
    await attic.start();
    await attic.block('after.example');
    expect(await attic.blocked()).toEqual(expect.arrayContaining(['before.example', 'after.example']));
  });

  it('before the agent starts: it knows what it knew, takes what others tell, and says what is wrong', async () => {
    await attic.end('SIGKILL');
    await disk.make('ro');
    await attic.start();
    expect(await attic.blocked()).toEqual(['before.example']);
    await garage.block('told.example');
    await inStep(attic, garage);
    await until('the problem to be told', problem);
    expect(await attic.blocked()).toEqual(['before.example', 'told.example']);
    await expect(attic.block('refused.example')).rejects.toMatchObject({ name: 'TemporaryError' });
    await disk.make('rw');
    await attic.block('after.example');
    await attic.end();
    await garage.end();
    await attic.start();
    expect(await attic.blocked()).toEqual(
      expect.arrayContaining(['before.example', 'told.example', 'after.example']),
    );
  });
});

describe('a first start', () => {
  it.each(['full', 'read-only'])('on a %s disk is one clear message', async (how) => {
    await attic.end();
    for (const name of ['store', 'home.json', 'peer.key']) {
      rmSync(join(attic.stateDir, name), { recursive: true, force: true });
    }
    if (how === 'full') disk.fill();
    else await disk.make('ro');
    const { code, stderr } = await attic.refuse();
    expect(stderr).toMatch(/^hedgerow: .*cannot be written.*\n {2}.+\n$/);
    expect(code).toBe(75);
  });
});
