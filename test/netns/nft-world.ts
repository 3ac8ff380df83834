import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/local/enforce/backend.ts';
import { chooseBackend } from '../../src/local/enforce/probe.ts';
import { createSlotMemory } from '../../src/local/enforce/slots.ts';
import type { Exec } from '../../src/local/exec.ts';
import { silentLog } from '../../src/log.ts';
import { createWorld, sleep, type World } from './enforce-world.ts';

export const { signal } = new AbortController();
export const slots = createSlotMemory();

let shared: World | undefined;
const opened: Backend[] = [];

/** The world that the tests of a file share. */
export function theWorld(): World {
  if (shared === undefined) throw new Error('there is no world');
  return shared;
}

beforeAll(async () => {
  shared = await createWorld();
});
beforeEach(() => theWorld().reset());
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.stop();
});
afterAll(() => shared?.close());

/** A backend as an agent chooses it; it ends with the test. */
export async function open(kind: 'ipset' | 'nftables' = 'nftables', exec?: Exec): Promise<Backend> {
  const options = {
    exec: exec ?? theWorld().router,
    clock: systemClock,
    log: silentLog,
    slots,
    wan: ['wan0'],
  };
  const choice = await chooseBackend(kind, options, signal);
  if (choice.role !== 'enforcer') throw new Error(choice.reason);
  opened.push(choice.backend);
  return choice.backend;
}

/** From where to where a packet goes. */
export type Way = readonly [source: string, target: string];

/** Sends packets all these ways in turn while the work is done, and tells how many of them arrived. */
export async function during(
  ways: readonly Way[],
  rate: number,
  work: () => Promise<void>,
): Promise<{ sent: number; passed: number }> {
  const counter = theWorld().traffic('net', 'udp-count', '9000');
  await counter.tells();
  const [sources, targets] = [0, 1].map((end) => ways.map((way) => way[end]).join());
  const sender = theWorld().traffic('tv', 'udp-send', sources ?? '', targets ?? '', '9000', `${rate}`);
  await sender.reaches(1_000);
  await work();
  const sent = await sender.end();
  await sleep(100);
  return { sent, passed: await counter.end() };
}
