import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeBundle,
  encodeBundle,
  type HomeFile,
  readHomeFile,
  writeHomeFile,
} from '../../../src/store/home-file.ts';
import { HomeKeeper } from '../../../src/store/home-keeper.ts';
import { SlotsFile } from '../../../src/store/slots-file.ts';
import { genesis, key } from '../../support/household.ts';

const home: HomeFile = {
  genesis,
  psk: 'ab'.repeat(32),
  sponsors: [key(0).peer],
  bootstrap: ['/ip4/192.0.2.1/tcp/4411'],
  recoverySeed: 'cd'.repeat(32),
};

describe('the home file', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hedgerow-home-'));
    path = join(folder, 'home.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('comes back as it was written, for the owner only', () => {
    expect(readHomeFile(path)).toBeUndefined();
    writeHomeFile(path, home);
    expect(readHomeFile(path)).toEqual(home);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['rubbish', 'nothing of the kind', 'damaged'],
    ['half of it', '{"homeVersion": 1, "genesis": "00"', 'damaged'],
    ['a newer version', '{"homeVersion": 2}', 'newer'],
    [
      'another genesis',
      JSON.stringify({ homeVersion: 1, genesis: '00', psk: home.psk, sponsors: [], bootstrap: [] }),
      'damaged',
    ],
  ])('is refused and left alone: %s', (_, content, word) => {
    writeFileSync(path, content, { mode: 0o600 });
    expect(() => readHomeFile(path)).toThrow(word);
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it('is refused while others can read it', () => {
    writeHomeFile(path, home);
    chmodSync(path, 0o640);
    expect(() => readHomeFile(path)).toThrow(
      expect.objectContaining({ name: 'DataError', hint: `chmod 600 ${path}` }),
    );
  });

  it('is kept in memory and on disk alike, and never replaced by a new one while a store is there', () => {
    const store = join(folder, 'store');
    const found = () => home;
    const keeper = HomeKeeper.open(path, store, found);
    keeper.write({ ...home, sponsors: [key(1).peer] });
    expect(HomeKeeper.open(path, store, found).read().sponsors).toEqual([key(1).peer]);
    mkdirSync(store);
    rmSync(path);
    expect(() => HomeKeeper.open(path, store, found)).toThrow(expect.objectContaining({ name: 'DataError' }));
    expect(readHomeFile(path)).toBeUndefined();
    keeper.move({ ...home, psk: 'ef'.repeat(32) }, store, 7);
    expect(readHomeFile(path)?.psk).toBe('ef'.repeat(32));
    expect(readdirSync(folder).sort()).toEqual(['home.json', 'store.left-7']);
  });

  it('travels as one line without the recovery key', () => {
    const { recoverySeed, ...public_ } = home;
    const bundle = encodeBundle(home);
    expect(bundle).toMatch(/^hedgerow1\.[\w-]+$/);
    expect(Buffer.from(bundle.split('.')[1] ?? '', 'base64url').toString()).not.toContain(recoverySeed);
    expect(decodeBundle(`  ${bundle}\n`)).toEqual(public_);
  });

  it('is refused with one clear error, whatever was pasted', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String().map((text) => `hedgerow1.${text}`),
        ),
        (text) => {
          expect(() => decodeBundle(text)).toThrow(expect.objectContaining({ name: 'DataError' }));
        },
      ),
    );
  });
});

describe('the slots', () => {
  it('come back after a restart; a damaged file is as good as none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hedgerow-slots-'));
    const path = join(folder, 'slots');
    const slots = new Map([
      ['ab'.repeat(16), 3],
      ['cd'.repeat(16), 0],
    ]);
    expect(new SlotsFile(path).load().size).toBe(0);
    new SlotsFile(path).save(slots);
    expect(new SlotsFile(path).load()).toEqual(slots);
    writeFileSync(path, `${'ab'.repeat(16)} 1\n${'cd'.repeat(16)} 1\n`);
    expect(new SlotsFile(path).load().size).toBe(0);
    rmSync(folder, { recursive: true });
  });
});
