import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Registers } from '../../../src/policy/registers.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { restore } from '../../../src/store/restore.ts';
import { Store } from '../../../src/store/store.ts';
import { admitAll, blockOf, crypto, key, replica, run } from '../../support/household.ts';

const MEMBERS = [1];
const BLOCKS = 300;
let base = '';
let whole = '';

/** A store with one log, as a crash leaves it, or with one table, as a clean restart does. */
async function write(folder: string): Promise<void> {
  const store = new Store(await openDatabase(folder));
  const home = replica((op, n) => store.putOp(n, op));
  await store.load(home.home);
  admitAll(home, MEMBERS);
  for (let n = 0; n < BLOCKS; n++) {
    home.author(key(n % 2), run(n % 2), { at: n, by: 'test', over: [], add: [blockOf(n, 'ads.example')] });
    await store.durable();
  }
  await store.close();
}

/** As the agent does it; answers how many ops there were. */
async function open(folder: string): Promise<number> {
  const store = new Store(await openDatabase(folder));
  try {
    const home = replica(undefined, store);
    const registers = new Registers({ home: home.home, crypto, isMember: () => true });
    restore(await store.load(home.home), home, registers, key(0).peer);
    return home.size;
  } finally {
    await store.close();
  }
}

const bytes = (folder: string) =>
  new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file)).toString('base64')]));

function change(folder: string, pick: RegExp, by: (bytes: Buffer) => Buffer): void {
  const files = readdirSync(folder).filter((name) => pick.test(name));
  const [file] = files
    .map((name) => join(folder, name))
    .sort((x, y) => readFileSync(y).length - readFileSync(x).length);
  if (file === undefined) throw new Error(`no ${pick} in ${readdirSync(folder).join(' ')}`);
  writeFileSync(file, by(readFileSync(file)));
}

const flip = (of: Buffer): Buffer => {
  of[of.length >> 1] = (of[of.length >> 1] ?? 0) ^ 1;
  return of;
};
const zero = (of: Buffer): Buffer => of.fill(0, of.length >> 2, of.length >> 1);

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'hedgerow-damage-'));
  whole = join(base, 'whole');
  await write(whole);
});
afterAll(() => rmSync(base, { recursive: true }));

describe('a damaged store is refused and left byte for byte as it was', () => {
  it.each<[string, (folder: string) => void]>([
    ['a flipped bit in the log', (folder) => change(folder, /\.log$/, flip)],
    ['a hole in the log', (folder) => change(folder, /\.log$/, zero)],
    ['no CURRENT', (folder) => rmSync(join(folder, 'CURRENT'))],
    ['a CURRENT that names nothing', (folder) => writeFileSync(join(folder, 'CURRENT'), 'MANIFEST-999999\n')],
    ['a flipped bit in the manifest', (folder) => change(folder, /^MANIFEST/, flip)],
    [
      'rubbish in every file',
      (folder) => {
        for (const name of readdirSync(folder)) writeFileSync(join(folder, name), Buffer.alloc(900, 7));
      },
    ],
  ])('%s', async (name, damage) => {
    const folder = join(base, name);
    cpSync(whole, folder, { recursive: true });
    damage(folder);
    const before = bytes(folder);
    await expect(open(folder)).rejects.toMatchObject({
      name: 'DataError',
      hint: expect.stringContaining('routers'),
    });
    expect(bytes(folder)).toEqual(before);
    expect(existsSync(`${folder}.as-it-was`)).toBe(false);
  });

  it('a flipped bit in a table, wherever it is', async () => {
    const tables = join(base, 'tables');
    cpSync(whole, tables, { recursive: true });
    expect(await open(tables)).toBe(MEMBERS.length + BLOCKS);
    for (let at = 1; at < 8; at++) {
      const folder = join(base, `table ${at}`);
      cpSync(tables, folder, { recursive: true });
      change(folder, /\.ldb$/, (of) => {
        const where = Math.floor((of.length * at) / 8);
        of[where] = (of[where] ?? 0) ^ 1;
        return of;
      });
      const before = bytes(folder);
      await expect(open(folder), `bit at ${at}/8`).rejects.toMatchObject({ name: 'DataError' });
      expect(bytes(folder)).toEqual(before);
    }
  });
});

describe('opening a store', () => {
  it('takes the torn end that a power cut leaves behind what was synced', async () => {
    const folder = join(base, 'torn');
    cpSync(whole, folder, { recursive: true });
    change(folder, /\.log$/, (of) => Buffer.concat([of, of.subarray(0, 20)]));
    expect(await open(folder)).toBe(MEMBERS.length + BLOCKS);
  });

  it.each([
    ['the log', /\.log$/, 'has lost its end'],
    ['the manifest', /^MANIFEST/, 'has lost its end'],
  ])('refuses %s without the end that was synced', async (name, pick, why) => {
    const folder = join(base, `without the end of ${name}`);
    cpSync(whole, folder, { recursive: true });
    change(folder, pick, (of) => of.subarray(0, of.length - 1));
    await expect(open(folder)).rejects.toMatchObject({ message: expect.stringContaining(why) });
  });

  it('refuses a store without its log', async () => {
    const folder = join(base, 'without log');
    cpSync(whole, folder, { recursive: true });
    for (const name of readdirSync(folder)) if (name.endsWith('.log')) rmSync(join(folder, name));
    await expect(open(folder)).rejects.toMatchObject({ message: expect.stringContaining('is missing') });
  });

  it('asks no witness that is torn itself', async () => {
    const folder = join(base, 'torn witness');
    cpSync(whole, folder, { recursive: true });
    change(folder, /^WITNESS$/, (of) => of.subarray(0, of.length >> 1));
    expect(await open(folder)).toBe(MEMBERS.length + BLOCKS);
  });

  it('that was cut short leaves the files as they were before it for the next time', async () => {
    const folder = join(base, 'cut short');
    cpSync(whole, folder, { recursive: true });
    change(folder, /\.log$/, flip);
    const before = bytes(folder);
    // The process died after LevelDB had rewritten the log and before anybody had looked at it.
    cpSync(folder, `${folder}.as-it-was`, { recursive: true });
    mkdirSync(`${folder}.as-it-was.new`);
    change(folder, /\.log$/, (of) => of.subarray(0, of.length >> 1));
    rmSync(join(folder, 'LOG'));
    change(folder, /\.log$/, zero);
    await expect(open(folder)).rejects.toMatchObject({ name: 'DataError' });
    expect(bytes(folder)).toEqual(before);
    expect(readdirSync(base).filter((name) => name.startsWith('cut short'))).toEqual(['cut short']);
  });

  it('that was cut short while the files were put back finds them', async () => {
    const folder = join(base, 'halfway');
    cpSync(whole, `${folder}.as-it-was`, { recursive: true });
    expect(await open(folder)).toBe(MEMBERS.length + BLOCKS);
    expect(readdirSync(base).filter((name) => name.startsWith('halfway'))).toEqual(['halfway']);
  });

  it('of a running agent changes nothing for it', async () => {
    const folder = join(base, 'running');
    const store = new Store(await openDatabase(folder));
    const home = replica((op, n) => store.putOp(n, op));
    (await store.load(home.home)).settle((index) => home.page(index));
    admitAll(home, MEMBERS);
    await store.durable();
    await expect(openDatabase(folder)).rejects.toMatchObject({ message: expect.stringContaining('in use') });
    expect(existsSync(`${folder}.as-it-was`)).toBe(false);
    home.author(key(0), run(1), { at: 1, by: 'test', over: [], add: [blockOf(1, 'ads.example')] });
    await store.durable();
    await store.close();
    expect(await open(folder)).toBe(MEMBERS.length + 1);
  });
});
