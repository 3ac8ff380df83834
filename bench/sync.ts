/** What sync costs against what differs, and how long two and three routers take after a link is back. */
import { systemClock } from '../src/clock.ts';
import { equal, eventually, House, type Router, writeBlock } from '../test/p2p/house.ts';
import { MemoryWire } from '../test/p2p/memory-wire.ts';
import type { Bench, Context } from './bench.ts';
import { atMost, cells, FIGURE_COLUMNS, type Figure, type Findings, figure, round } from './figures.ts';
import { type Case, costOf, makeCase, SHAPES } from './sync-cases.ts';
import { must } from './timing.ts';

const DIFFERENCES = [0, 1, 100] as const;

export const sync: Bench<'most' | 'history' | 'ops' | 'heals'> = {
  name: 'sync',
  describe: 'what sync costs against what differs, and healing after a cut',
  options: {
    most: { describe: 'the greatest difference, ops', default: 10_000 },
    history: { describe: 'ops that both hold besides', default: 2_000 },
    ops: { describe: 'ops that differ when a link is back', default: 1_000 },
    heals: { describe: 'cuts and heals, of two and of three routers', default: 5 },
  },
  async run({ most, history, ops, heals }, context) {
    const rows: Row[] = [];
    for (const shape of SHAPES) {
      for (const differing of [...DIFFERENCES, most]) {
        context.signal.throwIfAborted();
        rows.push(await rowOf(() => makeCase(shape, differing, history), shape === 'one ahead'));
        context.tell(`${shape}, ${differing}`);
      }
    }
    const healed: Record<string, Figure> = {};
    for (const routers of [2, 3]) {
      healed[`${routers} routers`] = figure(await healTimes(routers, ops, heals, context));
      context.tell(`${heals} heals of ${routers} routers`);
    }
    return report(rows, healed, ops);
  },
};

interface Row {
  readonly shape: string;
  readonly differing: number;
  readonly messages: number;
  readonly roundTrips: number;
  readonly bytes: number;
  readonly ms: number;
  /** Between two overlays on loopback, everything that passed the sockets meanwhile; 0 when it was not measured. */
  readonly tcpBytes: number;
  readonly tcpMs: number;
}

async function rowOf(make: () => Case, real: boolean): Promise<Row> {
  const one = make();
  const cost = await costOf(one);
  must(one.a.replica.digest, one.b.replica.digest);
  const [left, right] = cost.results;
  must(left.opsIn + right.opsIn, one.differing);
  const { bytes: tcpBytes, ms: tcpMs } = real ? await overTcp(make()) : { bytes: 0, ms: 0 };
  const { messages, roundTrips, bytes, ms } = cost;
  return { shape: one.name, differing: one.differing, messages, roundTrips, bytes, ms, tcpBytes, tcpMs };
}

/** The same between two overlays that are connected and begin to differ. */
async function overTcp({ house, a, b, differing }: Case): Promise<{ bytes: number; ms: number }> {
  // What b lacks is put aside until they are connected, so that the first session finds nothing.
  const late = house.router(a.key);
  const behind = { ...a, replica: late.replica, registers: late.registers };
  for (const id of b.replica.missing([], [...b.replica.peerDigests().keys()]).send) {
    const envelope = b.replica.envelope(id);
    if (envelope !== undefined) late.replica.admit(envelope);
  }
  try {
    await house.start(b);
    await house.start(behind, { bootstrap: [...(b.network?.addresses() ?? [])] });
    const settled = () =>
      behind.network?.peers()[0]?.digestEqual === true && b.network?.peers()[0]?.digestEqual === true;
    await eventually('they are equal', settled, 60_000);
    const bytes = () => {
      const view = behind.network?.peers()[0];
      return (view?.bytesIn ?? 0) + (view?.bytesOut ?? 0);
    };
    const all = a.replica.missing([], [...a.replica.peerDigests().keys()]).send;
    for (const id of all.slice(all.length - differing)) {
      const envelope = a.replica.envelope(id);
      if (envelope !== undefined) late.replica.admit(envelope);
    }
    const [before, began] = [bytes(), performance.now()];
    await behind.network?.exchanges.now(b.key.peer);
    await eventually('they are equal again', () => equal([behind, b]), 120_000);
    return { bytes: bytes() - before, ms: performance.now() - began };
  } finally {
    await house.stop();
  }
}

/** From the moment at which a router's link is back until all are equal, milliseconds. */
async function healTimes(count: number, ops: number, times: number, { signal }: Context): Promise<number[]> {
  const house = new House();
  const routers = house.routers(count);
  const wire = new MemoryWire();
  const names = routers.map((_, i) => `r${i}`);
  const cut = names.at(-1) ?? '';
  const took: number[] = [];
  try {
    for (const [i, router] of routers.entries()) {
      const bootstrap = names.slice(0, i).map((name) => `/memory/${name}`);
      await house.start(router, { ...wire.end(names[i] ?? ''), bootstrap });
    }
    for (let n = 0; n < times; n++) {
      signal.throwIfAborted();
      await eventually('all are connected and equal', () => connected(routers) && equal(routers), 60_000);
      wire.cut(cut);
      for (let i = 0; i < ops; i++) writeBlock(routers[i % count] as Router, `n${n}i${i}`);
      await eventually('the others agree', () => equal(routers.slice(0, -1)), 60_000);
      // Redials have found their rhythm by then.
      await systemClock.sleep(3_000 + Math.random() * 1_000, signal);
      wire.heal(cut);
      took.push(await eventually('healed', () => equal(routers), 60_000));
    }
  } finally {
    await house.stop();
  }
  return took;
}

function connected(routers: readonly Router[]): boolean {
  return routers.every(({ network }) => network?.peers().every(({ connections }) => connections > 0));
}

function report(rows: readonly Row[], healed: Readonly<Record<string, Figure>>, ops: number): Findings {
  return {
    figures: { rows, healed },
    tables: [
      {
        title: 'one session in memory, both sides in one process',
        columns: ['what differs', 'ops', 'messages', 'round trips', 'bytes', 'bytes per op', 'ms'],
        rows: rows.map((row) => [
          row.shape,
          row.differing,
          row.messages,
          row.roundTrips,
          row.bytes,
          row.differing === 0 ? '' : Math.round(row.bytes / row.differing),
          round(row.ms),
        ]),
      },
      {
        title: 'two overlays over TCP on loopback, connected before; everything on their sockets',
        columns: ['ops that one lacks', 'bytes', 'ms'],
        rows: rows
          .filter(({ tcpMs }) => tcpMs > 0)
          .map((row) => [row.differing, row.tcpBytes, round(row.tcpMs)]),
      },
      {
        title: `${ops} ops written on all sides of a cut: from "the link is back" until all are equal, ms`,
        columns: ['', ...FIGURE_COLUMNS],
        rows: Object.entries(healed).map(([name, one]) => [name, ...cells(one)]),
      },
    ],
    targets: Object.entries(healed).map(([name, one]) =>
      atMost(`healed, ${name}, p99`, one.p99, 2_000, 'ms'),
    ),
  };
}
