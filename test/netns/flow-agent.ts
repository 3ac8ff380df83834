import { systemClock } from '../../src/clock.ts';
import { UnavailableError } from '../../src/errors.ts';
import type { Exec } from '../../src/local/exec.ts';
import type { Flow } from '../../src/local/flows/flow.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { Observer } from '../../src/local/observer.ts';
import { silentLog } from '../../src/log.ts';
import { hashing } from '../unit/local/hashing.ts';
import { ADDRESS, type Host, on, run } from './flow-world.ts';

/** The router without some of its tools. */
export function lacking(...tools: string[]): Exec {
  const exec = on('router');
  const missing = (argv: readonly string[]) => tools.includes(argv[0] ?? '');
  return {
    async run(argv, options) {
      if (missing(argv)) throw new UnavailableError(`${argv[0]} is not installed`);
      return exec.run(argv, options);
    },
    open: (argv, signal, options) => exec.open(missing(argv) ? ['false'] : argv, signal, options),
  };
}

/** What observes the router of the flow world, with words to ask for a flow. */
export function agent({ pollMs = 400, exec = on('router') } = {}) {
  const clock = systemClock;
  const cache = new NodeCache({ home: 'ab'.repeat(32), crypto: hashing, clock });
  const flows = new FlowTable({ clock });
  const config = { router: 'attic', captures: false, pollMs, track: true };
  const observer = new Observer({ exec, clock, log: silentLog, config, cache, flows });
  const node = (host: Exclude<Host, 'router'>, family: 0 | 1 = 0) => {
    const address = ADDRESS[host][family];
    return cache.deviceByAddress(undefined, address) ?? cache.remoteByAddress(address) ?? '';
  };
  const flow = (device: string, other: string, protocol: number, port: number): Flow | undefined =>
    [...flows.flowsOf(device)].find(
      (one) =>
        [one.device, one.other].includes(other) &&
        one.device !== one.other &&
        one.protocol === protocol &&
        one.port === port,
    );
  const counters = () =>
    observer.health().sources.find(({ name }) => name.startsWith('conntrack'))?.counters ?? {};
  return { cache, flows, observer, node, flow, counters };
}
export type Agent = ReturnType<typeof agent>;

export async function until<T>(
  what: string,
  look: () => T | undefined | false,
  withinMs = 10_000,
): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const found = look();
    if (found) return found;
    if (performance.now() - begun > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(20);
  }
}

/**
 * The kernel says a word to each device, so that its MAC is known and events are seen to come. After the first reading: at its
 * end the kernel is asked to track what it does not yet.
 */
export async function meet(one: Agent): Promise<void> {
  const devices = ['tv', 'camera', 'guest'] as const;
  const known = () =>
    (one.counters().events ?? 0) > 0 &&
    devices.every((host) => ADDRESS[host].every((address) => one.cache.deviceByAddress(undefined, address)));
  await until('a first reading', () => (one.counters().readings ?? 0) > 0);
  for (let tries = 0; tries < 20 && !known(); tries++) {
    const words = devices.flatMap((host) => ADDRESS[host].map((to) => `ping -c1 -W2 ${to} >/dev/null &`));
    await run('router', `${words.join(' ')} wait`);
    await systemClock.sleep(50);
  }
  await until('the devices are known', known);
}

/** Two more readings have begun and ended: nothing of before is still to come. */
export async function settled(one: Agent): Promise<void> {
  const before = one.counters().readings ?? 0;
  await until('two more readings', () => (one.counters().readings ?? 0) >= before + 2);
}
