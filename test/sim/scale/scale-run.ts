import type { SimAgent } from './agent.ts';
import { type Detection, detect, FAULTS, type Fault } from './detection.ts';
import type { Pass } from './pass.ts';
import { type Quantiles, quantiles } from './quantiles.ts';
import { Town } from './town.ts';

export interface ScaleOptions {
  readonly agents: number;
  readonly seed: number;
  readonly pass: Pass;
  readonly onStep: (step: string) => void;
  /** Bytes of heap in use, after what is garbage was collected. */
  readonly heap: () => number;
}

/** What one agent says and hears. */
export interface Traffic {
  readonly messages: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface Spread {
  readonly loss: number;
  readonly ops: number;
  /** From the author's write to the admission at each of the others, and to the last one op by op, milliseconds. */
  readonly each: Quantiles | undefined;
  readonly all: Quantiles | undefined;
  /** Ops that did not reach everybody while they were waited for. */
  readonly unfinished: number;
  /** Per agent and op, beyond what is said at rest. */
  readonly cost: Traffic;
  readonly sessions: number;
}

export interface ScaleResult {
  readonly agents: number;
  readonly seed: number;
  /** Virtual milliseconds until all links together joined everybody to everybody; undefined: not while it was waited for. */
  readonly joinedMs: number | undefined;
  readonly links: Quantiles | undefined;
  readonly connected: boolean;
  /** Per agent in a minute at rest. */
  readonly rest: Traffic;
  /** Per agent, until it came to rest. */
  readonly startSessions: number;
  readonly spread: readonly Spread[];
  readonly detection: Readonly<Record<Fault, readonly Detection[]>>;
  /** Bytes of heap per agent. */
  readonly heapPerAgent: number;
  readonly buildSeconds: number;
  readonly seconds: number;
}

const START_MS = 20_000;
const REST_MS = 20_000;
const OP_MS = 4_000;
const WATCH_MS = 15_000;
const MINUTE_MS = 60_000;
const LOSSES = [0, 0.01];

/** One size: a home that starts, rests, hears of ops, and loses members. */
export async function scaleRun(options: ScaleOptions): Promise<ScaleResult> {
  const { agents, seed, pass, onStep, heap } = options;
  const began = performance.now();
  const before = heap();
  const town = new Town({ agents, seed, loss: 0, onAgent: (made) => onStep(`made ${made}`) });
  const buildSeconds = (performance.now() - began) / 1_000;
  onStep('they start');
  const joinedMs = await start(town, pass);
  const startSessions = sessions(town) / agents;
  onStep('at rest');
  const rest = await measured(town, () => pass(town.timeline, REST_MS));
  const links = quantiles(town.agents.map((agent) => agent.wires.size));
  const connected = isConnected(town);
  const heapPerAgent = (heap() - before) / agents;
  const spread: Spread[] = [];
  for (const loss of LOSSES) {
    onStep(`ops at ${loss * 100} % loss`);
    spread.push(await spreading(town, loss, rest, options));
  }
  town.air.loss = 0;
  const detection = { kill: [], 'silent cut': [], 'one-way cut': [] } as Record<Fault, Detection[]>;
  for (const fault of FAULTS) {
    for (let i = 0; i < repeats(agents); i++) {
      onStep(fault);
      detection[fault].push(await lose(town, fault, pass));
    }
  }
  return {
    agents,
    seed,
    joinedMs,
    links,
    connected,
    rest: scaled(rest, MINUTE_MS / REST_MS),
    startSessions,
    spread,
    detection,
    heapPerAgent,
    buildSeconds,
    seconds: (performance.now() - began) / 1_000,
  };
}

async function start(town: Town, pass: Pass): Promise<number | undefined> {
  let joinedMs: number | undefined;
  await town.start(0);
  for (let at = 0; at < START_MS; at += 1_000) {
    await pass(town.timeline, 1_000);
    if (joinedMs === undefined && isConnected(town)) joinedMs = at + 1_000;
  }
  return joinedMs;
}

async function spreading(
  town: Town,
  loss: number,
  rest: Traffic,
  { agents, pass }: ScaleOptions,
): Promise<Spread> {
  town.air.loss = loss;
  const ops = agents >= 300 ? 5 : 20;
  const each: number[] = [];
  const all: number[] = [];
  let unfinished = 0;
  const sessionsBefore = sessions(town);
  const cost = await measured(town, async () => {
    for (let i = 0; i < ops; i++) {
      const author = town.agents[town.random.below(agents)];
      const at = town.timeline.monotonic();
      const op = author?.write(block(`${loss}-${i}`));
      await pass(town.timeline, OP_MS);
      const arrivals = (town.arrivals.get(op?.id ?? '') ?? []).map((time) => time - at);
      each.push(...arrivals.slice(1));
      all.push(...arrivals.slice(-1));
      if (arrivals.length < agents) unfinished += 1;
    }
  });
  return {
    loss,
    ops,
    each: quantiles(each),
    all: quantiles(all),
    unfinished,
    cost: perOp(cost, scaled(rest, (ops * OP_MS) / REST_MS), ops),
    sessions: sessions(town) - sessionsBefore,
  };
}

async function lose(town: Town, fault: Fault, pass: Pass): Promise<Detection> {
  const running = town.agents.filter((agent) => agent.machine.state === 'runs');
  const victim = town.random.pick(running);
  if (victim === undefined) throw new RangeError('nobody is left');
  const detection = await detect(town, victim.n, fault, WATCH_MS, pass);
  // Whoever could not be reached is put out of the way, so that it does not disturb the next measurement.
  victim.kill();
  town.rejoin(victim.n);
  await pass(town.timeline, 5_000);
  return detection;
}

/** A small home can lose one member only; a large one is slow to watch. */
function repeats(agents: number): number {
  return agents < 12 || agents >= 300 ? 1 : 2;
}

async function measured(town: Town, run: () => Promise<void>): Promise<Traffic> {
  const before = sum(town.agents);
  await run();
  const after = sum(town.agents);
  const share = 1 / town.agents.length;
  return scaled(
    {
      messages: after.messages - before.messages,
      packets: after.packets - before.packets,
      bytes: after.bytes - before.bytes,
    },
    share,
  );
}

function sum(agents: readonly SimAgent[]): Traffic {
  const total = { messages: 0, packets: 0, bytes: 0 };
  for (const { count } of agents) {
    total.messages += count.messages;
    total.packets += count.packets;
    total.bytes += count.bytes;
  }
  return total;
}

function scaled({ messages, packets, bytes }: Traffic, by: number): Traffic {
  return { messages: messages * by, packets: packets * by, bytes: bytes * by };
}

function perOp(cost: Traffic, rest: Traffic, ops: number): Traffic {
  const { messages, packets, bytes } = cost;
  return scaled(
    { messages: messages - rest.messages, packets: packets - rest.packets, bytes: bytes - rest.bytes },
    1 / ops,
  );
}

function sessions(town: Town): number {
  return town.agents.reduce((total, agent) => total + agent.sessions, 0) / 2;
}

/** Whether the links join everybody to everybody. */
export function isConnected(town: Town): boolean {
  const numbers = new Map(town.agents.map((agent) => [agent.peer, agent.n]));
  const seen = new Set([0]);
  const open = [0];
  for (let n = open.pop(); n !== undefined; n = open.pop()) {
    for (const peer of town.agents[n]?.wires.keys() ?? []) {
      const other = numbers.get(peer);
      if (other === undefined || seen.has(other)) continue;
      seen.add(other);
      open.push(other);
    }
  }
  return seen.size === town.agents.length;
}

function block(name: string) {
  return {
    kind: 'block' as const,
    a: { kind: 'home' as const },
    b: { kind: 'domain' as const, domain: `${name}.example` },
    terms: {},
    apart: [],
  };
}
