/** Routers that die or are cut off: how soon each of the others says so, and how often one is said to be down that is not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { allTogether, found, makeCommunity, routersOf } from '../lab/community.ts';
import { isolate } from '../lab/faults.ts';
import { type House, raise } from '../lab/house-api.ts';
import { powerOn, signalAgents } from '../lab/power.ts';
import { type Sighting, Sightings } from '../lab/sightings.ts';
import type { Bench, Context } from './bench.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, figure, round } from './figures.ts';

const SIZES = [2, 3, 5];
/** A home of two has the longest tolerance, 10 s, and nobody waits longer than this. */
const WAIT_MS = 30_000;
const BACK_MS = 60_000;
const NOTICED = ['suspect', 'down', 'pruned', 'left'];
const DOWN = ['down', 'pruned'];
/** How long a cut is watched after it has healed: longer than any tolerance. */
const AFTERWARDS_MS = 12_000;

interface Fault {
  readonly name: string;
  readonly begin: (house: House, victim: string) => Promise<void>;
  readonly end: (house: House, victim: string) => Promise<void>;
}

const heal = async (house: House) => await house.heal();
const FAULTS: readonly Fault[] = [
  {
    name: 'SIGKILL',
    begin: async (house, victim) => await signalAgents(house, [victim], 'SIGKILL'),
    end: async (house, victim) => void (await powerOn(house, [victim])),
  },
  { name: 'silent cut', begin: async (house, victim) => await isolate(house, victim), end: heal },
  {
    name: 'cut of what it sends',
    begin: async (house, victim) => await isolate(house, victim, 'out'),
    end: heal,
  },
  {
    name: 'SIGSTOP',
    begin: async (house, victim) => await signalAgents(house, [victim], 'SIGSTOP'),
    end: async (house, victim) => await signalAgents(house, [victim], 'SIGCONT'),
  },
];

export const togetherFaults: Bench<'rounds' | 'minutes' | 'cuts'> = {
  name: 'together-faults',
  describe: 'a router that is killed, cut off or stopped: when the others say so, and false alarms',
  options: {
    rounds: { describe: 'of each fault in each home', default: 10 },
    minutes: { describe: 'of each loss (10 and 30 %) in each home', default: 5 },
    cuts: { describe: 'cuts of 3 s and of 4.5 s in each home', default: 10 },
  },
  quick: { rounds: 3, minutes: 1, cuts: 3 },
  async run(options, context) {
    const homes: Home[] = [];
    for (const count of SIZES) {
      const name = `bench-faults-${process.pid}`;
      const house = await raise(makeCommunity(count), { name, signal: context.signal });
      try {
        homes.push(await measure(house, options, context));
      } finally {
        await house.down();
      }
    }
    return {
      figures: homes,
      tables: [
        table(
          homes,
          'from the fault until each of the others does not call it alive any more, ms',
          'noticed',
        ),
        table(homes, 'from the fault until each of the others calls it down, ms', 'down'),
        {
          title: 'what those who were there called down, or suspect, all directed pairs together',
          columns: ['routers', 'while', 'minutes × pairs', 'down', 'suspect'],
          rows: homes.flatMap(({ routers, alarms }) =>
            alarms.map(({ what, pairMinutes, down, suspect }) => [
              routers,
              what,
              round(pairMinutes),
              down,
              suspect,
            ]),
          ),
        },
      ],
      targets: homes.flatMap(targetsOf),
    };
  },
};

interface Detection {
  readonly fault: string;
  readonly noticed: Figure;
  readonly down: Figure;
}

interface Alarms {
  readonly what: string;
  readonly pairMinutes: number;
  readonly down: number;
  readonly suspect: number;
}

interface Home {
  readonly routers: number;
  readonly detections: readonly Detection[];
  readonly alarms: readonly Alarms[];
}

type Options = Parameters<typeof togetherFaults.run>[0];

async function measure(house: House, options: Options, { tell, signal }: Context): Promise<Home> {
  const names = routersOf(house);
  await found(house, signal);
  await allTogether(house, { signal });
  const sightings = new Sightings(house, names);
  try {
    await allSeen(sightings, names, signal);
    const detections: Detection[] = [];
    const woken: Sighting[] = [];
    for (const fault of FAULTS) {
      const { noticed, down, byVictim } = await detect(house, sightings, fault, options.rounds, signal);
      if (fault.name === 'SIGSTOP') woken.push(...byVictim);
      detections.push({ fault: fault.name, noticed: figure(noticed), down: figure(down) });
      tell(`${names.length} routers, ${fault.name}: down after ${figure(down).p50} ms`);
    }
    const alarms = [alarmsOf('waking up after SIGSTOP', woken, 0)];
    for (const ms of [3_000, 4_500]) alarms.push(await shortCuts(house, sightings, ms, options.cuts, signal));
    for (const percent of [10, 30]) {
      alarms.push(await underLoss(house, sightings, percent, options.minutes, signal));
      tell(`${names.length} routers, ${percent} % loss: ${alarms.at(-1)?.down} false alarms`);
    }
    return { routers: names.length, detections, alarms };
  } finally {
    await sightings.stop();
  }
}

async function detect(
  house: House,
  sightings: Sightings,
  { begin, end }: Fault,
  rounds: number,
  signal: AbortSignal,
) {
  const names = routersOf(house);
  const victim = names.at(-1) ?? '';
  const seers = names.filter((name) => name !== victim);
  const noticed: number[] = [];
  const down: number[] = [];
  const byVictim: Sighting[] = [];
  for (let n = 0; n < rounds; n++) {
    // Anywhere between two keep-alives, which come every 1.5 s.
    await sleep(Math.random() * 1_500, undefined, { signal });
    const begun = performance.now();
    await begin(house, victim);
    // The command that begins it takes a while itself; the middle of that while is its moment.
    const at = (begun + performance.now()) / 2;
    const until = { timeoutMs: WAIT_MS, signal };
    const seen = (states: readonly string[]) =>
      Promise.all(seers.map((seer) => sightings.seen(at, [seer, victim], states, until)));
    const [first, over] = await Promise.all([seen(NOTICED), seen(DOWN)]);
    noticed.push(...first);
    down.push(...over);
    const ended = performance.now();
    await end(house, victim);
    await allTogether(house, { timeoutMs: BACK_MS, signal });
    await allSeen(sightings, names, signal);
    byVictim.push(...sightings.since(ended).filter(({ seer }) => seer === victim));
  }
  return { noticed, down, byVictim };
}

/** Cuts one router off for a moment. */
async function shortCuts(
  house: House,
  sightings: Sightings,
  ms: number,
  cuts: number,
  signal: AbortSignal,
): Promise<Alarms> {
  const names = routersOf(house);
  const victim = names.at(-1) ?? '';
  const all: Sighting[] = [];
  for (let n = 0; n < cuts; n++) {
    const begun = performance.now();
    await isolate(house, victim);
    await sleep(Math.max(0, ms - (performance.now() - begun)), undefined, { signal });
    await house.heal();
    await sleep(AFTERWARDS_MS, undefined, { signal });
    all.push(...sightings.since(begun));
    await allTogether(house, { timeoutMs: BACK_MS, signal });
    await allSeen(sightings, names, signal);
  }
  // Only the pairs with the router that was cut off count.
  return alarmsOf(`${cuts} cuts of ${ms / 1000} s`, all, (cuts * 2 * (names.length - 1) * ms) / 60_000);
}

/** Everything between routers is lost with this chance. */
async function underLoss(
  house: House,
  sightings: Sightings,
  percent: number,
  minutes: number,
  signal: AbortSignal,
): Promise<Alarms> {
  const names = routersOf(house);
  const begun = performance.now();
  await house.loss(percent);
  await sleep(minutes * 60_000, undefined, { signal });
  const all = sightings.since(begun);
  await house.loss(0);
  await allTogether(house, { timeoutMs: BACK_MS, signal });
  await allSeen(sightings, names, signal);
  return alarmsOf(`${percent} % loss`, all, minutes * names.length * (names.length - 1));
}

const alarmsOf = (what: string, all: readonly Sighting[], pairMinutes: number): Alarms => ({
  what,
  pairMinutes,
  down: all.filter(({ state }) => DOWN.includes(state)).length,
  suspect: all.filter(({ state }) => state === 'suspect').length,
});

/** Waits until the sightings too have come to all seeing all. */
async function allSeen(sightings: Sightings, names: readonly string[], signal: AbortSignal): Promise<void> {
  const alive = () =>
    names.every((seer) => names.every((seen) => seer === seen || sightings.state(seer, seen) === 'alive'));
  const begun = performance.now();
  while (!alive() && performance.now() - begun < BACK_MS) await sleep(50, undefined, { signal });
}

const table = (homes: readonly Home[], title: string, what: 'noticed' | 'down') => ({
  title,
  columns: ['routers, fault', ...FIGURE_COLUMNS],
  rows: homes.flatMap(({ routers, detections }) =>
    detections.map((one) => [`${routers}, ${one.fault}`, ...cells(one[what])]),
  ),
});

function targetsOf({ routers, detections, alarms }: Home) {
  const of = (fault: string) => detections.find((one) => one.fault === fault);
  const bound = routers === 2 ? 12_000 : 8_000;
  return [
    atMost(`SIGKILL noticed, ${routers} routers, p99`, of('SIGKILL')?.noticed.p99 ?? 0, 1_000, 'ms'),
    atMost(`silent cut called down, ${routers} routers, p99`, of('silent cut')?.down.p99 ?? 0, bound, 'ms'),
    atMost(
      `false alarms at 10 % loss, ${routers} routers`,
      alarms.find(({ what }) => what === '10 % loss')?.down ?? 0,
      0,
      '',
    ),
  ];
}
