/** What an agent writes to its disk when nothing happens, and with many devices around: flash memory wears. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Agent, inStep, joinHome, Place } from '../test/durability/agent.ts';
import type { Bench, Context } from './bench.ts';
import { withDisk } from './disk.ts';
import { atMost, round } from './figures.ts';

/** Policies of the home while it is measured. */
const POLICIES = 50;
const DEVICES = 500;
/** The neighbour table has something new of every device so often, as with devices that are in use. */
const SEEN_EVERY_MS = 30_000;
/** What an agent may write at rest: a card of 8 GB that stands 1,000 erasures lasts for a thousand years then. */
const MB_A_DAY = 20;

/** What was written in a time. */
interface Wear {
  /** By the kernel's count of pages that the process made dirty (proc(5), `write_bytes`), bytes. */
  readonly pages: number;
  /** By the sizes of the files of the state folder, bytes: what was appended. */
  readonly grown: number;
}

interface Look {
  readonly pages: number;
  readonly size: number;
}

export const wear: Bench<'seconds'> = {
  name: 'wear',
  describe: 'bytes that an agent writes to its disk at rest, and with 500 devices, scaled to a day',
  options: { seconds: { describe: 'how long each is measured', default: 600 } },
  async run({ seconds }, context) {
    return await withDisk(async (folder) => {
      const place = new Place('wear', folder);
      try {
        const [attic, garage] = [place.agent('attic'), place.agent('garage')];
        await Promise.all([attic.start(), garage.start()]);
        await joinHome(attic, garage);
        for (let n = 0; n < POLICIES; n++) await attic.block(`n${n}.example`);
        await inStep(attic, garage);
        const rest = await measure(attic, seconds, context);
        context.tell(`${seconds} s at rest`);
        const crowd = seeDevices(place);
        try {
          await attic.block('02:00:00:00:00:07');
          const devices = await measure(attic, seconds, context);
          context.tell(`${seconds} s with ${DEVICES} devices`);
          return findings(seconds, rest, devices, await countOf(attic));
        } finally {
          clearInterval(crowd);
        }
      } finally {
        await place.leave();
      }
    });
  },
};

function findings(seconds: number, rest: Wear, devices: Wear, seen: number) {
  const daily = (bytes: number) => (bytes / 1e6) * (86_400 / seconds);
  const row = (what: string, { pages, grown }: Wear) =>
    [what, round(pages / 1e3), round(grown / 1e3), round(daily(pages)), round(daily(grown))] as const;
  return {
    figures: { seconds, policies: POLICIES, seen, rest, devices },
    tables: [
      {
        title: `written by one agent of two, with ${POLICIES} policies, in ${seconds} s`,
        columns: ['while', 'pages, kB', 'appended, kB', 'pages, MB a day', 'appended, MB a day'],
        rows: [row('at rest', rest), row(`${seen} devices are seen`, devices)],
      },
    ],
    targets: [
      atMost('written at rest, a day', daily(rest.pages), MB_A_DAY, 'MB'),
      atMost(`written with ${DEVICES} devices, a day`, daily(devices.pages), MB_A_DAY, 'MB'),
    ],
  };
}

async function measure(agent: Agent, seconds: number, { signal }: Context): Promise<Wear> {
  // What the changes before it have still to write.
  await sleep(5_000, undefined, { signal });
  const before = look(agent);
  await sleep(seconds * 1_000, undefined, { signal });
  const after = look(agent);
  return { pages: after.pages - before.pages, grown: after.size - before.size };
}

function look(agent: Agent): Look {
  const io = readFileSync(`/proc/${agent.pid}/io`, 'utf8');
  const pages = Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? 0);
  const files = readdirSync(agent.stateDir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const sizes = files.map(({ parentPath, name }) => statSync(join(parentPath, name)).size);
  return { pages, size: sizes.reduce((sum, size) => sum + size, 0) };
}

/** A LAN with devices in the kernel's neighbour table, which the agents read. */
function seeDevices(place: Place): NodeJS.Timeout {
  place.ip(['link add br-lan type bridge', 'addr add 10.77.0.1/22 dev br-lan', 'link set br-lan up']);
  const all = Array.from({ length: DEVICES }, (_, n) => n);
  const say = (state: string) =>
    place.ip(all.map((n) => `neigh replace ${address(n)} lladdr ${mac(n)} dev br-lan nud ${state}`));
  say('reachable');
  let turn = 0;
  return setInterval(() => {
    turn += 1;
    say(turn % 2 === 0 ? 'reachable' : 'stale');
  }, SEEN_EVERY_MS);
}

const address = (n: number) => `10.77.${1 + Math.floor(n / 250)}.${(n % 250) + 2}`;

const mac = (n: number) => `02:00:00:00:${hex(n >> 8)}:${hex(n & 255)}`;

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

async function countOf(agent: Agent): Promise<number> {
  return (await agent.call<{ devices: number }>('status')).devices;
}
