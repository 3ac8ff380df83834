/**
 * A router's observer alone, run on the router: `node bench/observe-live.ts SECONDS BURSTS` says `ready` before each burst, and
 * prints what it saw of it and took, a line of JSON each.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/clock.ts';
import { parseConfig } from '../src/config-file.ts';
import { createExec } from '../src/local/exec.ts';
import { FlowTable } from '../src/local/flows/flow-table.ts';
import { NodeCache } from '../src/local/nodes/node-cache.ts';
import { Observer } from '../src/local/observer.ts';
import { silentLog } from '../src/log.ts';
import { crypto } from './history.ts';

export interface ObserveLive {
  /** Shares of a core: of this process, and of the commands that it reads from. */
  readonly own_share: number;
  readonly children_share: number;
  /** From the devices, as the flows have it. */
  readonly packets: number;
  readonly connections: number;
  readonly events_lost: number;
  /** In the last burst alone: the timer that measures it every millisecond takes 2 to 3 % of a core. */
  readonly delay_p99_ms?: number;
  readonly delay_max_ms?: number;
}

const [seconds = 10, bursts = 1] = process.argv.slice(2).map(Number);
/** What was under way is in the reading after the next. */
const LAST_MS = 9_000;
/** Between two bursts: the kernel's entries of the one before have ended. */
const REST_MS = 45_000;
/** Of a clock tick (sysconf(_SC_CLK_TCK)), milliseconds. */
const TICK_MS = 10;

const clock = systemClock;
const cache = new NodeCache({ home: 'ab'.repeat(32), crypto, clock });
const flows = new FlowTable({ clock });
let [packets, connections] = [0, 0];
const observer = new Observer({
  exec: createExec(),
  clock,
  log: silentLog,
  config: {
    router: 'attic',
    captures: true,
    pollMs: parseConfig('', '').observe.pollSeconds * 1000,
    track: true,
  },
  cache,
  flows,
  onSighting: (news) => {
    packets += news.up?.packets ?? 0;
    if (news.entries > 0) connections += 1;
    flows.sees(news);
  },
});

/** CPU of the children that run and of those that have ended, milliseconds (proc(5): utime, stime, cutime, cstime). */
function childrenCpu(): number {
  const own = statOf('self');
  const running = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => statOf(pid) ?? [])
    .filter(({ parent }) => parent === process.pid)
    .reduce((sum, { cpu }) => sum + cpu, 0);
  return (running + (own?.ended ?? 0)) * TICK_MS;
}

function statOf(pid: string): { parent: number; cpu: number; ended: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0, user = 0, system = 0, endedUser = 0, endedSystem = 0] = [1, 11, 12, 13, 14].map(
      (at) => fields[at],
    );
    return { parent, cpu: user + system, ended: endedUser + endedSystem };
  } catch {
    return undefined;
  }
}

const eventsLost = (): number =>
  observer.health().sources.reduce((sum, { counters }) => sum + (counters.eventsLost ?? 0), 0);

async function burst(isLast: boolean): Promise<ObserveLive> {
  const before = { packets, connections, lost: eventsLost() };
  const delay = isLast ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
  const [begun, cpu, children] = [performance.now(), process.cpuUsage(), childrenCpu()];
  delay?.enable();
  process.stdout.write('ready\n');
  await sleep(seconds * 1000);
  const ms = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  const childrenMs = childrenCpu() - children;
  delay?.disable();
  await sleep(LAST_MS);
  return {
    own_share: (user + system) / 1000 / ms,
    children_share: childrenMs / ms,
    packets: packets - before.packets,
    connections: connections - before.connections,
    events_lost: eventsLost() - before.lost,
    ...(delay && { delay_p99_ms: delay.percentile(99) / 1e6, delay_max_ms: delay.max / 1e6 }),
  };
}

await observer.start(new AbortController().signal);
await sleep(LAST_MS);
for (let n = 0; n < bursts; n++) {
  if (n > 0) await sleep(REST_MS);
  console.log(JSON.stringify(await burst(n === bursts - 1)));
}
await observer.stop();
