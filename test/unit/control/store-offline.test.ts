import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config-file.ts';
import { checkWithoutAgent } from '../../../src/control/store-offline.ts';
import { Registers } from '../../../src/policy/registers.ts';
import { Replica } from '../../../src/policy/replica.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { writeHomeFile } from '../../../src/store/home-file.ts';
import { restore } from '../../../src/store/restore.ts';
import { Store } from '../../../src/store/store.ts';
import { blockOf, crypto, genesis, key, run } from '../../support/household.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hedgerow-offline-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const config = () => parseConfig(`agent: {stateDir: ${folder}}`, 'test');

async function stored(): Promise<void> {
  writeHomeFile(join(folder, 'home.json'), {
    genesis,
    psk: 'ab'.repeat(32),
    sponsors: [],
    bootstrap: [],
  });
  mkdirSync(join(folder, 'store'));
  const store = new Store(await openDatabase(join(folder, 'store')));
  const replica = new Replica({
    genesis,
    crypto,
    archive: store,
    onAdmitted: (op, n) => store.putOp(n, op),
  });
  const registers = new Registers({ home: replica.home, crypto, isMember: () => true });
  restore(await store.load(replica.home), replica, registers, key(0).peer);
  for (let n = 0; n < 3; n++) {
    const add = [blockOf(n, `n${n}.example`)];
    replica.author(key(0), run(1), { at: 1, by: 'anna', over: [], add });
  }
  await store.durable();
  await store.close();
}

/** All files but LevelDB's own diary and lock, which say nothing of the data. */
function files(): string[] {
  return readdirSync(join(folder, 'store'))
    .filter((name) => !['LOG', 'LOG.old', 'LOCK'].includes(name))
    .map((name) => `${name} ${readFileSync(join(folder, 'store', name)).toString('hex')}`)
    .sort();
}

async function checked() {
  const steps = checkWithoutAgent(config(), AbortSignal.timeout(10_000));
  let step = await steps.next();
  while (step.done !== true) step = await steps.next();
  return step.value;
}

describe('the check of a store without an agent', () => {
  it('reads and verifies all of it, and leaves it as it was', async () => {
    await stored();
    const before = files();
    expect(await checked()).toMatchObject({
      ok: true,
      counts: { ops: 3, registers: 0 },
      wrong: [],
      mended: [],
    });
    expect(files()).toEqual(before);
  });

  it('says when there is none, and makes none', async () => {
    await expect(checked()).rejects.toMatchObject({
      name: 'DataError',
      message: expect.stringContaining('there is no store'),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says that a store is damaged, and leaves it as it was', async () => {
    await stored();
    const log = readdirSync(join(folder, 'store')).find((name) => name.endsWith('.log')) ?? '';
    const path = join(folder, 'store', log);
    const bytes = readFileSync(path);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0x40;
    writeFileSync(path, bytes);
    const before = files();
    await expect(checked()).rejects.toMatchObject({ name: 'DataError' });
    expect(files()).toEqual(before);
  });

  it('is refused while an agent has the store open', async () => {
    await stored();
    const database = await openDatabase(join(folder, 'store'));
    try {
      await expect(checked()).rejects.toMatchObject({
        message: expect.stringContaining('in use by another agent'),
      });
    } finally {
      await database.close();
    }
  });
});
