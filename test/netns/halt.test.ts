import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Enforcer } from '../../src/local/enforce/enforcer.ts';
import { Halts, momentOf, readHalt } from '../../src/local/enforce/halts.ts';
import { PlanFile } from '../../src/local/enforce/plan-file.ts';
import { restorePlan } from '../../src/local/enforce/plan-restore.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { clearWithoutAgent } from '../../src/local/enforce/without-agent.ts';
import { silentLog } from '../../src/log.ts';
import { SlotsFile } from '../../src/store/slots-file.ts';
import { world as names } from '../contract/backend.ts';
import { blockSet, owner } from '../unit/local/enforce/block-sets.ts';
import { createWorld, type World } from './enforce-world.ts';

const { tv, ads } = names;
const { signal } = new AbortController();
const TV = owner('1', [tv.v4, tv.v6], [ads.v4, ads.v6], [tv.mac]);

test('suspend and clear let the kernel go and enforce takes it back, with an agent and without', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-halt-'));
  const paths = { halt: join(folder, 'halt'), slots: join(folder, 'slots'), plan: join(folder, 'plan') };
  let world: World | undefined;
  try {
    world = await createWorld();
    const { router } = world;
    const passes = () => world?.ping('tv', tv.v4, ads.v4);
    const options = { exec: router, clock: systemClock, log: silentLog, slots: new SlotsFile(paths.slots) };
    const choice = await chooseBackend('ipset', { ...options, wan: ['wan0'] }, signal);
    if (choice.role !== 'enforcer') throw new Error(choice.reason);
    const halts = new Halts({ path: paths.halt, clock: systemClock, log: silentLog });
    const enforcer = new Enforcer({
      backend: choice.backend,
      desired: () => ({ state: 'one', blockSet: blockSet([TV]) }),
      onApplied: () => undefined,
      clock: systemClock,
      log: silentLog,
      planFile: new PlanFile({ path: paths.plan, clock: systemClock, log: silentLog }),
      halted: () => halts.now(),
    });
    halts.open(() => enforcer.notify());
    await enforcer.start(signal);
    expect(await passes()).toBe(true);
    enforcer.notify();
    await enforcer.settled();
    expect(await passes()).toBe(false);

    // Suspended for four seconds, in which there is time to look: nothing of ours is left, and then all of it is back.
    const at = systemClock.now();
    halts.set({ kind: 'suspended', by: 'anna', at, until: at + 4_000 });
    await enforcer.settled();
    expect(await passes()).toBe(true);
    expect(await world.run('router', 'ipset', 'list', '-name')).toBe('');
    expect(await world.run('router', 'iptables-legacy-save', '-t', 'mangle')).not.toMatch(/HEDGEROW|HR-/);
    await expect.poll(passes, { timeout: 20_000, interval: 50 }).toBe(false);
    await enforcer.settled();

    // The agent is gone and its rules stay: whoever is locked out takes them away without it.
    await enforcer.stop();
    expect(await passes()).toBe(false);
    await clearWithoutAgent(paths, 'anna', { exec: router, clock: systemClock }, signal);
    expect(await passes()).toBe(true);
    expect(await world.run('router', 'ipset', 'list', '-name')).toBe('');
    expect(readHalt(paths.halt, momentOf(systemClock), silentLog)).toMatchObject({
      kind: 'cleared',
      by: 'anna',
    });

    // Its last plan is still there for whoever goes on.
    await restorePlan(paths.plan, router, signal);
    expect(await passes()).toBe(false);
  } finally {
    await world?.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
