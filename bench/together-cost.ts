/** What the agents of a home cost: processor, memory and traffic between routers, of each one. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab/error.ts';
import type { House } from '../lab/house-api.ts';
import { type Memory, memoryOf } from './processes.ts';

/** Clock ticks a second in /proc/<pid>/stat, which is 100 on all of Linux's architectures that we know (proc(5), times(2)). */
const TICKS = 100;

/** One value for each agent. */
export interface Cost {
  readonly cpuPercent: readonly number[];
  readonly rssMb: readonly number[];
  readonly ownMb: readonly number[];
  /** Out and in on its leg to the other routers, headers included. */
  readonly kbMinute: readonly number[];
  readonly framesMinute: readonly number[];
}

/** What an agent has used since it was started. */
export interface Spent {
  readonly cpuMs: number;
  readonly memory: Memory;
}

/** What these agents have used so far; their children, which watch the LAN, are not counted. */
export async function spent(house: House, routers: readonly string[]): Promise<Spent[]> {
  return await Promise.all(
    routers.map(async (router) => {
      const pid = await outerPid(house, router);
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The second field is the name, in parentheses; utime and stime are the 14th and 15th.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = Number(fields[11]) + Number(fields[12]);
      return { cpuMs: (ticks * 1000) / TICKS, memory: await memoryOf(pid) };
    }),
  );
}

/** Watches these agents for so many seconds. */
export async function costOf(
  house: House,
  routers: readonly string[],
  seconds: number,
  signal: AbortSignal,
): Promise<Cost> {
  const look = async () => ({
    at: performance.now(),
    used: await spent(house, routers),
    traffic: await Promise.all(routers.map((router) => trafficOf(house, router))),
  });
  const before = await look();
  await sleep(seconds * 1000, undefined, { signal });
  const after = await look();
  const ms = after.at - before.at;
  const minute = (now: number, then: number) => ((now - then) * 60_000) / ms;
  return {
    cpuPercent: after.used.map(({ cpuMs }, i) => (100 * (cpuMs - (before.used[i]?.cpuMs ?? 0))) / ms),
    rssMb: after.used.map(({ memory }) => memory.rss),
    ownMb: after.used.map(({ memory }) => memory.own),
    kbMinute: after.traffic.map(({ bytes }, i) => minute(bytes, before.traffic[i]?.bytes ?? 0) / 1000),
    framesMinute: after.traffic.map(({ frames }, i) => minute(frames, before.traffic[i]?.frames ?? 0)),
  };
}

async function trafficOf(house: House, router: string): Promise<{ bytes: number; frames: number }> {
  const said = await house.must(router, ['ip', '-s', '-json', 'link', 'show', 'wan0']);
  type Counted = { bytes: number; packets: number };
  const [link] = JSON.parse(said) as { stats64: { rx: Counted; tx: Counted } }[];
  if (link === undefined) throw new LabError(`${router} has no wan0`);
  const { rx, tx } = link.stats64;
  return { bytes: rx.bytes + tx.bytes, frames: rx.packets + tx.packets };
}

/** The process id of a router's agent as this process sees it (NSpid, proc(5)). */
async function outerPid(house: House, router: string): Promise<number> {
  const inner = house.agent(router);
  const found = inner === undefined ? undefined : await outer(house, inner);
  if (found === undefined) throw new LabError(`no agent runs on ${router}`);
  return found;
}

async function outer(house: House, inner: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${house.sandbox.pid}/task/${house.sandbox.pid}/children`, 'utf8');
  for (const pid of children.split(' ').filter(Boolean).map(Number)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (new RegExp(`^NSpid:.*\\t${inner}$`, 'm').test(status)) return pid;
  }
  return undefined;
}
