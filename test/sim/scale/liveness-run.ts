import type { AgentSettings } from './agent-options.ts';
import { detect, FAULTS, type Fault } from './detection.ts';
import type { Pass } from './pass.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import { SwimTown } from './swim-town.ts';
import { Town } from './town.ts';

export interface LivenessOptions {
  readonly agents: number;
  readonly loss: number;
  readonly hours: number;
  readonly repeats: number;
  readonly seed: number;
  readonly pass: Pass;
  readonly onStep: (step: string) => void;
}

/** A way to find out who is alive. Bare: one connection, and nobody is asked. */
export type Way = 'whole' | 'no witnesses' | 'bare' | 'swim';

export const WAYS: readonly Way[] = ['whole', 'no witnesses', 'bare', 'swim'];

/** What is short of a death: for so long this agent hears and says nothing, and then goes on. */
export type Pause =
  | 'stopped 8 s'
  | 'stopped 60 s'
  | 'suspended 60 s'
  | 'cut 1 s'
  | 'cut 3 s'
  | 'cut 4.5 s'
  | 'cut 10 s';

const PAUSES: Readonly<Record<Pause, { readonly state: 'stopped' | 'asleep' | 'cut'; readonly ms: number }>> =
  {
    'stopped 8 s': { state: 'stopped', ms: 8_000 },
    'stopped 60 s': { state: 'stopped', ms: 60_000 },
    'suspended 60 s': { state: 'asleep', ms: 60_000 },
    'cut 1 s': { state: 'cut', ms: 1_000 },
    'cut 3 s': { state: 'cut', ms: 3_000 },
    'cut 4.5 s': { state: 'cut', ms: 4_500 },
    'cut 10 s': { state: 'cut', ms: 10_000 },
  };

export interface FaultResult {
  readonly noticed: Quantiles | undefined;
  readonly down: Quantiles | undefined;
  readonly missed: number;
  /** Live members that were called down meanwhile. */
  readonly wrongly: number;
  readonly swim: Quantiles | undefined;
}

export interface PauseResult {
  /** So many of the others called it down, of so many. */
  readonly down: number;
  readonly of: number;
  /** So many of the others it called down itself. */
  readonly byIt: number;
  /** From the end of the pause until the last of the others heard it again, milliseconds. */
  readonly back: Quantiles | undefined;
  /** Times that somebody did not hear it again while it was waited for. */
  readonly notBack: number;
}

export interface LivenessResult {
  readonly agents: number;
  readonly loss: number;
  readonly hours: number;
  readonly repeats: number;
  /** Live members that were called down, per directed pair and hour. */
  readonly falseAlarms: Readonly<Record<Way, number>>;
  readonly faults: Readonly<Record<Fault, FaultResult>>;
  readonly pauses: Readonly<Record<Pause, PauseResult>>;
  readonly seconds: number;
}

const HOUR_MS = 3_600_000;
const WARM_MS = 10_000;
const WATCH_MS = 20_000;
const BACK_MS = 30_000;
/** Heard again is who was held for alive so long by all; what is suspected later has nothing to do with the pause. */
const STAYS_MS = 6_000;

const SETTINGS: Readonly<Record<Exclude<Way, 'swim'>, Partial<AgentSettings>>> = {
  whole: {},
  'no witnesses': { witnesses: false },
  bare: { witnesses: false, secondLook: false },
};

/** One size of home at one loss. */
export async function livenessRun(options: LivenessOptions): Promise<LivenessResult> {
  const { agents, loss, hours, repeats, onStep } = options;
  const began = performance.now();
  const falseAlarms = { whole: 0, 'no witnesses': 0, bare: 0, swim: 0 };
  for (const way of WAYS) {
    onStep(`an hour, ${way}`);
    falseAlarms[way] = await alarms(options, way);
  }
  const faults = {} as Record<Fault, FaultResult>;
  for (const fault of FAULTS) {
    onStep(fault);
    faults[fault] = await faultsOf(options, fault);
  }
  const pauses = {} as Record<Pause, PauseResult>;
  for (const pause of Object.keys(PAUSES) as Pause[]) {
    onStep(pause);
    pauses[pause] = await pausesOf(options, pause);
  }
  return {
    agents,
    loss,
    hours,
    repeats,
    falseAlarms,
    faults,
    pauses,
    seconds: (performance.now() - began) / 1_000,
  };
}

/** Live members that were called down, per directed pair and hour. */
export async function alarms(options: LivenessOptions, way: Way): Promise<number> {
  const { agents, loss, seed, hours, pass } = options;
  const pairHours = agents * (agents - 1) * hours;
  if (way === 'swim') {
    const town = new SwimTown(agents, seed, loss);
    await pass(town.timeline, hours * HOUR_MS);
    return town.faulty.length / pairHours;
  }
  const town = new Town({ agents, seed, loss, settings: SETTINGS[way] });
  await town.start(0);
  await pass(town.timeline, WARM_MS);
  town.found = [];
  await pass(town.timeline, hours * HOUR_MS);
  return town.found.filter(({ what }) => what === 'down').length / pairHours;
}

async function faultsOf(options: LivenessOptions, fault: Fault): Promise<FaultResult> {
  const { agents, pass, repeats, seed, loss } = options;
  const [noticed, down, swim]: number[][] = [[], [], []];
  let missed = 0;
  let wrongly = 0;
  for (let i = 0; i < repeats; i++) {
    const town = await warm(options, i);
    const found = await detect(town, i % agents, fault, WATCH_MS, pass);
    noticed?.push(...found.noticed);
    down?.push(...found.down);
    missed += found.missed;
    wrongly += found.wrongly;
    const other = new SwimTown(agents, seed + i, loss);
    await pass(other.timeline, WARM_MS);
    swim?.push(...(await other.detect(i % agents, fault, WATCH_MS, pass)));
  }
  const of = (values: number[] | undefined) => quantiles(values ?? []);
  return { noticed: of(noticed), down: of(down), missed, wrongly, swim: of(swim) };
}

async function pausesOf(options: LivenessOptions, pause: Pause): Promise<PauseResult> {
  const { agents, pass, repeats } = options;
  const { state, ms } = PAUSES[pause];
  const back: number[] = [];
  const result = { down: 0, of: 0, byIt: 0, notBack: 0 };
  for (let i = 0; i < repeats; i++) {
    const town = await warm(options, i);
    const n = i % agents;
    await pass(town.timeline, town.random.next() * 1_500);
    town.found = [];
    await paused(town, n, state, ms, pass);
    const backMs = await untilHeard(town, n, pass);
    if (backMs === undefined) result.notBack += 1;
    else back.push(backMs);
    const downs = town.found.filter(({ what }) => what === 'down');
    result.down += new Set(downs.filter(({ about }) => about === n).map(({ by }) => by)).size;
    result.of += agents - 1;
    result.byIt += new Set(downs.filter(({ by }) => by === n).map(({ about }) => about)).size;
  }
  return { ...result, back: quantiles(back) };
}

async function paused(
  town: Town,
  n: number,
  state: 'stopped' | 'asleep' | 'cut',
  ms: number,
  pass: Pass,
): Promise<void> {
  if (state === 'cut') town.isolate(n);
  else town.agents[n]?.machine.become(state);
  if (state === 'asleep') town.air.switchOff(n);
  await pass(town.timeline, ms);
  if (state === 'asleep') town.air.switchOn(n);
  if (state === 'cut') town.rejoin(n);
  else town.agents[n]?.machine.become('runs');
}

/** Milliseconds until all others hold it for alive, and do so for a tolerance. */
async function untilHeard(town: Town, n: number, pass: Pass): Promise<number | undefined> {
  const STEP_MS = 100;
  const peer = town.agents[n]?.peer ?? '';
  let heard: number | undefined;
  for (let ms = 0; ms < BACK_MS; ms += STEP_MS) {
    const all = town.agents.every((agent) => agent.n === n || agent.liveness.of(peer).state === 'alive');
    if (!all) heard = undefined;
    else heard ??= ms;
    if (heard !== undefined && ms - heard >= STAYS_MS) return heard;
    await pass(town.timeline, STEP_MS);
  }
  return heard;
}

async function warm({ agents, loss, seed, pass }: LivenessOptions, i: number): Promise<Town> {
  const town = new Town({ agents, seed: seed + i, loss });
  await town.start(0);
  await pass(town.timeline, WARM_MS);
  return town;
}
