import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { sshExec } from '../../src/local/exec-ssh.ts';
import { SshLink } from '../../src/local/exec-ssh-link.ts';
import { silentLog } from '../../src/log.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createSshWorld, type SshWorld } from './enforce-ssh-world.ts';

const { tv, ads, video } = names;
const clock = systemClock;
const life = new AbortController();
const { signal } = life;
const ADS = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);
const BOTH = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6, video.v4, video.v6], [tv.mac]);

let world: SshWorld;
let link: SshLink;
let exec: Exec;

/** OpenWrt's server, reached by IPv6. */
beforeAll(async () => {
  world = await createSshWorld('dropbear');
  await world.listen();
  const { driver: here, target } = world;
  const common = { target, socket: join(world.folder, 'ssh'), here, clock };
  // Not that of another test: what an owner has left is ended wherever it is on this machine.
  link = new SshLink({ ...common, owner: 'small', log: silentLog });
  exec = sshExec({ ...common, link });
  await link.start(signal);
  await link.untilReached(AbortSignal.timeout(20_000));
});
afterAll(async () => {
  life.abort();
  await link?.stop();
  await world?.close();
});

const passes = (remote: { v4: string; v6: string }): Promise<boolean[]> =>
  Promise.all([world.ping('tv', tv.v4, remote.v4), world.ping('tv', tv.v6, remote.v6)]);

test('commands that are asked for at once all answer', async () => {
  const asked = Array.from({ length: 40 }, (_, n) => `${n}`);
  const answers = await Promise.all(asked.map((n) => exec.run(['echo', n])));
  expect(answers).toEqual(asked.map((n) => ({ code: 0, stdout: `${n}\n`, stderr: '' })));
  expect(link.reached).toBe(1);
});

test('what is blocked stays blocked while the connection is lost, and is put right when it stands again', async () => {
  const choice = await chooseBackend(
    'ipset',
    { exec, clock, log: silentLog, slots: createSlotMemory(), wan: ['wan0'] },
    signal,
  );
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  const { backend } = choice;
  try {
    await backend.set(blockSet([ADS]), signal);
    expect([await passes(ads), await passes(video)]).toEqual([
      [false, false],
      [true, true],
    ]);
    expect((await backend.set(blockSet([BOTH]), signal)).did).toBe('update');
    await world.cut();
    await expect(backend.set(blockSet([ADS]), signal)).rejects.toThrow(/cannot be reached|was lost/);
    expect(await passes(video)).toEqual([false, false]);
    await world.listen();
    await link.untilReached(AbortSignal.timeout(20_000));
    expect((await backend.set(blockSet([ADS]), signal)).did).toBe('resync');
    expect([await passes(ads), await passes(video)]).toEqual([
      [false, false],
      [true, true],
    ]);
  } finally {
    await backend.clear(signal);
    await backend.stop();
  }
});
