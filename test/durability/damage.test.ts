import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../sim/random.ts';
import { type Agent, type Ending, inStep, joinHome, Place } from './agent.ts';

const dice = new Random(20_260_715);
const EX_DATAERR = 65;

let place: Place;
let attic: Agent;
let garage: Agent;
/** Copies of attic's state folder: after a clean end, and after SIGKILL. */
const states = { clean: '', killed: '' };
let blocked: readonly string[] = [];

beforeAll(async () => {
  place = new Place('damage');
  attic = place.agent('attic');
  garage = place.agent('garage');
  await Promise.all([attic.start(), garage.start()]);
  await joinHome(attic, garage);
  for (let n = 0; n < 12; n++) {
    await (n % 3 === 0 ? garage : attic).block(`n${n}.example`);
    // Each writes on top of what the other wrote.
    await inStep(attic, garage);
  }
  for (let n = 0; n < 4; n++) await attic.unblock(`n${n}.example`);
  await inStep(attic, garage);
  await attic.end();
  states.clean = keep('clean');
  await attic.start();
  await attic.block('last.example');
  await inStep(attic, garage);
  await attic.end('SIGKILL');
  states.killed = keep('killed');
  blocked = (await garage.blocked()).filter((domain) => domain !== 'last.example');
});
afterEach(() => Promise.all([attic.end('SIGKILL'), garage.end()]));
afterAll(() => place.leave());

function keep(name: string): string {
  const copy = join(place.folder, name);
  cpSync(attic.stateDir, copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

/** Puts one of the copies in attic's place. */
function restore(state: 'clean' | 'killed'): void {
  for (const name of readdirSync(attic.stateDir)) rmSync(join(attic.stateDir, name), { recursive: true });
  cpSync(states[state], attic.stateDir, { recursive: true, preserveTimestamps: true });
}

const all = (state: 'clean' | 'killed') =>
  state === 'clean' ? blocked : [...blocked, 'last.example'].sort();

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** The files that hold something; after SIGKILL those that then are others than after a clean end. */
const damageable = (state: 'clean' | 'killed') =>
  filesOf(states[state]).filter(
    (file) =>
      statSync(join(states[state], file)).size > 0 &&
      (state === 'clean' || /\.log|MANIFEST|WITNESS/.test(file)),
  );

const bytesOf = (folder: string) =>
  new Map(filesOf(folder).map((file) => [file, readFileSync(join(folder, file)).toString('base64')]));

function change(file: string, by: (bytes: Buffer) => Buffer): void {
  const path = join(attic.stateDir, file);
  writeFileSync(path, by(readFileSync(path)), { mode: 0o600 });
}

const flip = (bytes: Buffer): Buffer => {
  const at = dice.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
  return bytes;
};

/** One message with what to do, and no stack. */
function expectOneMessage({ code, stderr }: Ending, exitCode = EX_DATAERR): void {
  expect(stderr).toMatch(/^hedgerow: .+\n {2}.+\n$/);
  expect(code, stderr).toBe(exitCode);
}

/**
 * Starts attic without the others. Either it refuses, with one message, and leaves everything as it is; or it knows
 * exactly what it knew. Answers what it said when it refused.
 */
async function refusesOrKnowsAll(state: 'clean' | 'killed', what: string): Promise<string | undefined> {
  const before = bytesOf(attic.stateDir);
  const outcome = await attic.startOrRefuse();
  try {
    if (outcome === undefined) {
      expect(await attic.blocked(), what).toEqual(all(state));
      return undefined;
    }
    expectOneMessage(outcome);
    const after = bytesOf(attic.stateDir);
    expect([...after.keys()], what).toEqual([...before.keys()]);
    for (const [file, bytes] of before)
      expect(after.get(file) === bytes, `${what}: ${file} was left`).toBe(true);
    return outcome.stderr;
  } finally {
    await attic.end('SIGKILL');
  }
}

describe('a file of the state folder that is damaged', () => {
  for (const state of ['clean', 'killed'] as const) {
    it(`cut to nothing, to half, and by one byte, after a ${state} end`, async () => {
      const told = new Map<string, string | undefined>();
      for (const file of damageable(state)) {
        for (const [how, part] of [
          ['nothing', () => 0],
          ['half', (size: number) => size >> 1],
          ['one byte less', (size: number) => size - 1],
        ] as const) {
          const { size } = statSync(join(states[state], file));
          restore(state);
          change(file, (bytes) => bytes.subarray(0, part(size)));
          told.set(`${file}, ${how}`, await refusesOrKnowsAll(state, `${file} cut to ${how}`));
        }
      }
      // What holds the policies is never let pass; what was seen is put aside, and never a reason not to block.
      for (const [what, said] of told) {
        if (/^store\/.*(\.log|MANIFEST|CURRENT|\.ldb)/.test(what)) expect(said, what).toContain('routers');
        if (what.startsWith('seen/')) expect(said, what).toBeUndefined();
      }
    }, 300_000);

    it(`with a flipped bit, wherever it is, after a ${state} end`, async () => {
      for (const file of damageable(state)) {
        restore(state);
        change(file, flip);
        await refusesOrKnowsAll(state, `${file}, a bit`);
      }
    }, 300_000);
  }

  it.each(['CURRENT', 'MANIFEST', 'log', 'home.json'])('%s that is missing', async (name) => {
    restore('killed');
    const inStore = filesOf(attic.stateDir).filter((path) => path.startsWith('store/'));
    const file = inStore.find((path) => path.includes(name) && !path.includes('LOG'));
    rmSync(join(attic.stateDir, file ?? name));
    expect(await refusesOrKnowsAll('killed', name)).toBeDefined();
  });
});

describe('what the message says to do', () => {
  const damaged = async (): Promise<void> => {
    restore('killed');
    const log = filesOf(attic.stateDir).find((path) => /^store\/.*\.log$/.test(path)) ?? '';
    change(log, (bytes) => bytes.subarray(0, bytes.length >> 1));
    expectOneMessage(await attic.refuse());
  };

  it('move the store away: the other routers hand back everything', async () => {
    await damaged();
    renameSync(attic.store, `${attic.store}.bad`);
    await Promise.all([attic.start(), garage.start()]);
    await inStep(attic, garage);
    expect(await attic.blocked()).toEqual(all('killed'));
  });

  it('alone, without a copy: go on with what is left', async () => {
    await damaged();
    rmSync(join(attic.store, 'WITNESS'));
    await attic.start();
    const left = await attic.blocked();
    expect(all('killed')).toEqual(expect.arrayContaining(left));
    await garage.start();
    await inStep(attic, garage);
    expect(await attic.blocked()).toEqual(all('killed'));
  });
});

describe('a store that is not the one it should be', () => {
  it('of a newer version', async () => {
    restore('clean');
    const database = new ClassicLevel<string, Uint8Array>(attic.store, { valueEncoding: 'view' });
    const meta = new TextDecoder().decode(await database.get('0!store'));
    await database.put('0!store', new TextEncoder().encode(meta.replace(/"version":\d+/, '"version":99')));
    await database.close();
    expect(await refusesOrKnowsAll('clean', 'newer')).toContain('update Hedgerow');
  });

  it('of another home', async () => {
    restore('clean');
    rmSync(attic.store, { recursive: true });
    const other = place.agent('cellar');
    await other.start();
    await other.end();
    // As somebody does who mixes up two copies.
    cpSync(other.store, attic.store, { recursive: true });
    expect(await refusesOrKnowsAll('clean', 'other home')).toContain('another home');
  });

  it('an old copy, twice the same: nothing that was acknowledged is lost', async () => {
    restore('killed');
    await Promise.all([attic.start(), garage.start()]);
    await inStep(attic, garage);
    for (const life of ['first', 'second']) {
      await attic.block(`${life}.example`);
      await attic.unblock('n5.example').catch((error: unknown) => {
        if (life === 'first') throw error;
      });
      await inStep(attic, garage);
      const expected = await garage.blocked();
      await attic.end('SIGKILL');
      restore('clean');
      await attic.start();
      await inStep(attic, garage);
      expect(await attic.blocked()).toEqual(expected);
      expect(await garage.blocked()).toEqual(expected);
      expect(expected).toContain(`${life}.example`);
      expect(expected).not.toContain('n5.example');
    }
    expect(existsSync(`${attic.store}.as-it-was`)).toBe(false);
  });
});
