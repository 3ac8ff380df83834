import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { testimony } from '../../src/store/witness.ts';
import { start } from '../contract/store.ts';
import { admitAll, blockOf, key, run } from '../support/household.ts';

let base = '';
/** After a clean end, and as a crash leaves it: only with a log, and with a table and a log. */
const folders: string[] = [];
const digests: string[] = [];

/** Blocks and lifts, and answers the digest of all and what is left, which every start has to find again. */
async function live(folder: string, from: number, copy: string | undefined): Promise<string> {
  const { store, replica } = await start(await openDatabase(folder));
  if (from === 0) admitAll(replica, [1]);
  for (let n = from; n < from + 60; n++) {
    const over = n % 7 === 6 ? [[...replica.live.keys()].at(-1) ?? ''] : [];
    replica.author(key(n % 2), run(from + (n % 2)), {
      at: n,
      by: 'test',
      over,
      add: [blockOf(n, 'ads.example')],
    });
    await store.durable();
  }
  if (copy !== undefined) cpSync(folder, copy, { recursive: true });
  await store.close();
  return `${replica.digest} ${[...replica.live.keys()].sort().join()}`;
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'hedgerow-flips-'));
  const folder = join(base, 'store');
  for (const [n, name] of ['log', 'table and log'].entries()) {
    const copy = join(base, name);
    digests.push(await live(folder, n * 60, copy));
    folders.push(copy);
  }
  folders.push(folder);
  digests.push(digests[1] ?? '');
});
afterAll(() => rmSync(base, { recursive: true }));

/** What a start finds; undefined when it refuses the store. */
async function found(folder: string): Promise<string | undefined> {
  try {
    const { store, replica } = await start(await openDatabase(folder));
    await store.close();
    return `${replica.digest} ${[...replica.live.keys()].sort().join()}`;
  } catch (error) {
    expect(error).toMatchObject({ name: 'DataError', hint: expect.any(String) });
    return undefined;
  }
}

const bytesOf = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => `${name} ${readFileSync(join(folder, name)).toString('base64')}`);

type Damage = (bytes: Buffer) => Buffer;

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }) }).map(({ at, bit }) => (bytes: Buffer) => {
    const where = at % Math.max(1, bytes.length);
    if (bytes.length > 0) bytes[where] = (bytes[where] ?? 0) ^ (1 << bit);
    return bytes;
  }),
  fc.nat().map((at) => (bytes: Buffer) => bytes.subarray(0, at % (bytes.length + 1))),
  fc.record({ at: fc.nat(), length: fc.nat({ max: 600 }) }).map(({ at, length }) => (bytes: Buffer) => {
    const from = at % (bytes.length + 1);
    return bytes.fill(0, from, Math.min(bytes.length, from + length));
  }),
);

describe('a damaged store', () => {
  it('is refused, and left as it was, or holds all that it held: never something else', async () => {
    const where = fc.record({ state: fc.nat({ max: 2 }), file: fc.nat(), damage });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(where, async ({ state, file, damage }) => {
        const folder = join(base, 'damaged');
        rmSync(folder, { recursive: true, force: true });
        cpSync(folders[state] ?? '', folder, { recursive: true });
        const names = readdirSync(folder).sort();
        const path = join(folder, names[file % names.length] ?? '');
        writeFileSync(path, damage(readFileSync(path)));
        const before = bytesOf(folder);
        const after = await found(folder);
        if (after === undefined) {
          refused += 1;
          expect(bytesOf(folder)).toEqual(before);
        } else expect(after).toBe(digests[state]);
      }),
      { numRuns: 250 },
    );
    expect(refused).toBeGreaterThan(30);
  }, 120_000);
});

describe('a witness', () => {
  it('of any content never throws, and proves nothing', () => {
    const folder = join(base, 'rubbish');
    cpSync(folders[0] ?? '', folder, { recursive: true });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.string().map((text) => Buffer.from(text)),
        ),
        (rubbish) => {
          writeFileSync(join(folder, 'WITNESS'), rubbish);
          expect(testimony(folder)).toEqual({ known: new Map() });
        },
      ),
    );
  });
});
