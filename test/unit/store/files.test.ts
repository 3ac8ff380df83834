import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPeerKey } from '../../../src/p2p/identity.ts';
import { mustBeWritable, replaceFile, whyNotWritable } from '../../../src/store/files.ts';
import { readHomeFile, writeHomeFile } from '../../../src/store/home-file.ts';
import { HomeKeeper } from '../../../src/store/home-keeper.ts';
import { ShadowCopy } from '../../../src/store/shadow-copy.ts';
import { SlotsFile } from '../../../src/store/slots-file.ts';
import { genesis, key } from '../../support/household.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-files-'));
  path = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Whatever is written on the way to this file meets a full disk (full(4)). */
const fill = (of: string) => symlinkSync('/dev/full', `${of}.new`);

const home = {
  genesis,
  psk: 'ab'.repeat(32),
  sponsors: [key(0).peer],
  bootstrap: ['/ip4/192.0.2.1/tcp/4411'],
};

describe('on a full disk', () => {
  it('a file is refused with what to do, and the old one stays', () => {
    replaceFile(path, 'old');
    fill(path);
    expect(() => replaceFile(path, 'new')).toThrow(
      expect.objectContaining({ name: 'TemporaryError', hint: expect.stringContaining('free some space') }),
    );
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('slots are known until the process ends', () => {
    const slots = new SlotsFile(path);
    slots.save(new Map([['ab'.repeat(16), 1]]));
    fill(path);
    const wanted = new Map([['cd'.repeat(16), 2]]);
    slots.save(wanted);
    expect(slots.load()).toEqual(wanted);
    expect(new SlotsFile(path).load()).toEqual(new Map([['ab'.repeat(16), 1]]));
    rmSync(`${path}.new`);
    slots.save(wanted);
    expect(new SlotsFile(path).load()).toEqual(wanted);
  });

  it('what is only convenient to know about a home waits; what a person asked for is refused', () => {
    const keeper = HomeKeeper.open(path, join(folder, 'store'), () => home);
    fill(path);
    const more = { ...home, bootstrap: [] };
    keeper.remember(more);
    expect(keeper.read()).toEqual(home);
    expect(() => keeper.write(more)).toThrow(expect.objectContaining({ name: 'TemporaryError' }));
    rmSync(`${path}.new`);
    keeper.remember(more);
    expect(readHomeFile(path)).toEqual(more);
  });
});

describe('a disk', () => {
  it.each([
    ['ENOSPC: no space left on device, write', true],
    ['EROFS: read-only file system, open', true],
    ['IO error: /x/000003.log: No space left on device', true],
    ['IO error: /x/LOCK: Read-only file system', true],
    ['Corruption: checksum mismatch', false],
    ['EACCES: permission denied', false],
  ])('%s', (message, isDisk) => {
    expect(whyNotWritable(new Error(message))).toBe(isDisk ? message : undefined);
  });

  it('with too little room is told before anything is tried', () => {
    mustBeWritable(folder, 1);
    expect(() => mustBeWritable(folder, Number.MAX_SAFE_INTEGER)).toThrow(/no space left/);
  });

  it('can be read from a copy in memory', () => {
    writeFileSync(path, 'kept');
    const copy = ShadowCopy.of(folder);
    expect(readFileSync(join(copy?.folder ?? '', 'file'), 'utf8')).toBe('kept');
    copy?.remove();
    expect(() => readFileSync(join(copy?.folder ?? '', 'file'))).toThrow();
  });
});

describe('with a flipped bit', () => {
  /** Answers what is read, or nothing when it is refused. */
  function reading<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataError', hint: expect.any(String) });
      return undefined;
    }
  }

  const bit = fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }) });
  const flip = (bytes: Buffer, { at, bit }: { at: number; bit: number }) =>
    bytes.map((byte, index) => (index === at % bytes.length ? byte ^ (1 << bit) : byte));

  it('the home file is refused, or says the same', () => {
    writeHomeFile(path, home);
    const whole = readFileSync(path);
    fc.assert(
      fc.property(bit, (where) => {
        writeFileSync(path, flip(whole, where));
        expect([home, undefined]).toContainEqual(reading(() => readHomeFile(path)));
      }),
      { numRuns: 300 },
    );
  });

  it('the key is refused, or is the same', () => {
    const { peer } = loadPeerKey(folder);
    const file = join(folder, 'peer.key');
    const whole = readFileSync(file);
    fc.assert(
      fc.property(bit, (where) => {
        writeFileSync(file, flip(whole, where));
        expect([peer, undefined]).toContain(reading(() => loadPeerKey(folder)?.peer));
      }),
      { numRuns: 300 },
    );
  });
});
