import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Sighting } from '../../src/local/flows/flow.ts';
import { Tracker } from '../../src/local/flows/tracker.ts';
import type { ConntrackEntry, Counts } from '../../src/local/observe/conntrack.ts';
import { LastLines } from '../../src/local/observe/last-lines.ts';

/**
 * A kernel with a few connections whose names it gives again, the way of its events and the way of its listings: both are
 * slow, at their own pace. Events may be lost, and told twice; they keep their order.
 */

interface Connection {
  readonly name: number;
  up: Counts;
  down: Counts;
  /** What the tracker was last told of it. */
  seen: { up: number; down: number } | undefined;
}

type Fate = 'told' | 'lost' | 'twice';
type Step =
  | { do: 'packet'; name: number; up: number; down: number; fate: Fate }
  | { do: 'destroy'; name: number; fate: Fate }
  | { do: 'event' }
  | { do: 'begin' }
  | { do: 'dump' }
  | { do: 'line' }
  | { do: 'finish' };

const NAMES = [0, 1, 2];
const ALL = new Set([4, 6] as const);

class World {
  readonly told = { up: 0, down: 0 };
  readonly tracker: Tracker;
  /** Is told every line whole, where the other one is spared those that say the same again. */
  readonly thorough: Tracker;
  /** News by both, in order. */
  readonly news: { spared: Sighting[]; whole: Sighting[] } = { spared: [], whole: [] };
  readonly #last = new LastLines();
  readonly #connections: Connection[] = [];
  readonly #live = new Map<number, Connection>();
  readonly #used = new Set<number>();
  readonly #reuse: boolean;
  #events: { connection: Connection; entry: ConntrackEntry; round: number }[] = [];
  #lines: { connection: Connection; entry: ConntrackEntry }[] = [];
  #toDump: number[] | undefined;
  #round = 0;

  constructor(reuse: boolean) {
    this.#reuse = reuse;
    const places = {
      isOwn: () => false,
      isLan: (address: string) => address === '192.168.77.11',
      deviceAt: (address: string) => (address === '192.168.77.11' ? 'tv' : undefined),
      remoteAt: (address: string) => address,
    };
    this.thorough = new Tracker(places, (news) => this.news.whole.push(news));
    this.tracker = new Tracker(places, (news: Sighting) => {
      this.news.spared.push(news);
      this.told.up += news.up?.bytes ?? 0;
      this.told.down += news.down?.bytes ?? 0;
    });
  }

  step(step: Step): void {
    if (step.do === 'packet') this.#packet(step);
    else if (step.do === 'destroy') this.#destroy(step.name, step.fate);
    else if (step.do === 'event') this.#event();
    else if (step.do === 'begin') this.#begin();
    else if (step.do === 'dump') this.#dump();
    else if (step.do === 'line') this.#line();
    else this.#finish();
  }

  /** All that is on its way arrives, and a listing more. */
  drain(): void {
    this.#finish();
    while (this.#events.length > 0) this.#event();
    this.#begin();
    this.#finish();
  }

  /** What all connections carried, and what the tracker could know of it. */
  get truth(): { up: number; down: number } {
    return sums(this.#connections.map(({ up, down }) => ({ up: up.bytes, down: down.bytes })));
  }

  get shown(): { up: number; down: number } {
    return sums(this.#connections.map(({ seen }) => seen ?? { up: 0, down: 0 }));
  }

  #packet({ name, up, down, fate }: { name: number; up: number; down: number; fate: Fate }): void {
    let connection = this.#live.get(name);
    if (connection === undefined) {
      if (!this.#reuse && this.#used.has(name)) return;
      this.#used.add(name);
      const none = { packets: 0, bytes: 0 };
      connection = { name, up: none, down: none, seen: undefined };
      this.#connections.push(connection);
      this.#live.set(name, connection);
      this.#send(connection, entryOf(connection, 'NEW'), fate);
    }
    connection.up = { packets: connection.up.packets + 1, bytes: connection.up.bytes + up };
    if (down > 0)
      connection.down = { packets: connection.down.packets + 1, bytes: connection.down.bytes + down };
  }

  #destroy(name: number, fate: Fate): void {
    const connection = this.#live.get(name);
    if (connection === undefined) return;
    this.#live.delete(name);
    this.#send(connection, entryOf(connection, 'DESTROY'), fate);
  }

  #send(connection: Connection, entry: ConntrackEntry, fate: Fate): void {
    const event = { connection, entry, round: this.#round };
    if (fate !== 'lost') this.#events.push(event);
    if (fate === 'twice') this.#events.push(event);
  }

  #event(): void {
    const event = this.#events.shift();
    if (event === undefined) return;
    const both = [this.tracker, this.thorough];
    if (event.entry.event === 'NEW') for (const tracker of both) tracker.began(event.entry);
    else {
      see(event.connection, event.entry);
      for (const tracker of both) tracker.ended(event.entry);
    }
  }

  #begin(): void {
    if (this.#toDump !== undefined) return;
    // An event is at most a whole listing late.
    while ((this.#events[0]?.round ?? this.#round) < this.#round) this.#event();
    this.#round += 1;
    this.#toDump = [...NAMES];
    this.#last.begin();
    this.tracker.begin();
    this.thorough.begin();
  }

  #dump(): void {
    const name = this.#toDump?.shift();
    const connection = name === undefined ? undefined : this.#live.get(name);
    if (connection !== undefined) this.#lines.push({ connection, entry: entryOf(connection, undefined) });
  }

  #line(): void {
    const line = this.#lines.shift();
    if (line === undefined) return;
    see(line.connection, line.entry);
    this.thorough.note(line.entry);
    const before = this.#last.find(textOf(line.entry, this.#round));
    const number = before >= 0 && this.tracker.again(before) ? before : this.tracker.note(line.entry);
    if (number >= 0) this.#last.remember(number);
  }

  #finish(): void {
    if (this.#toDump === undefined) return;
    while (this.#toDump.length > 0) this.#dump();
    while (this.#lines.length > 0) this.#line();
    this.#toDump = undefined;
    this.tracker.end(ALL);
    this.thorough.end(ALL);
  }
}

/** A line of `conntrack -L -o extended,id`; the timeout is another one at each reading. */
function textOf({ protocol, id, original, reply }: ConntrackEntry, round: number): string {
  const [there, back] = [original, reply].map(
    ({ src, dst, sport, dport, counts }) =>
      `src=${src} dst=${dst} sport=${sport} dport=${dport} packets=${counts?.packets} bytes=${counts?.bytes}`,
  );
  return `ipv4     2 udp      ${protocol} ${99 - round} ${there} ${back} mark=0 use=1 id=${id}`;
}

function see(connection: Connection, { original, reply }: ConntrackEntry): void {
  const seen = connection.seen ?? { up: 0, down: 0 };
  const [up, down] = [original.counts?.bytes ?? 0, reply.counts?.bytes ?? 0];
  connection.seen = { up: Math.max(seen.up, up), down: Math.max(seen.down, down) };
}

function entryOf({ name, up, down }: Connection, event: ConntrackEntry['event']): ConntrackEntry {
  const [near, far] = ['192.168.77.11', '198.51.100.7'];
  const none = { packets: 0, bytes: 0 };
  return {
    event,
    protocol: 17,
    id: 4_000_000_000 + name,
    offloaded: false,
    original: { src: near, dst: far, sport: name, dport: 53, counts: event === 'NEW' ? none : up },
    reply: { src: far, dst: near, sport: 53, dport: name, counts: event === 'NEW' ? none : down },
  };
}

function sums(all: { up: number; down: number }[]): { up: number; down: number } {
  return all.reduce((sum, { up, down }) => ({ up: sum.up + up, down: sum.down + down }), { up: 0, down: 0 });
}

function steps(fates: Fate[]): fc.Arbitrary<Step[]> {
  const name = fc.constantFrom(...NAMES);
  const fate = fc.constantFrom(...fates);
  const plain = (what: 'event' | 'begin' | 'dump' | 'line' | 'finish') => fc.constant({ do: what } as const);
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('packet' as const),
        name,
        up: fc.constantFrom(1, 10, 100),
        down: fc.constantFrom(0, 1, 1000),
        fate,
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('destroy' as const), name, fate }) },
    { weight: 4, arbitrary: plain('event') },
    { weight: 2, arbitrary: plain('begin') },
    { weight: 3, arbitrary: plain('dump') },
    { weight: 3, arbitrary: plain('line') },
    { weight: 2, arbitrary: plain('finish') },
  );
  return fc.array(step, { maxLength: 80 });
}

function play(world: World, all: readonly Step[]): void {
  const check = () => {
    const { up, down } = world.truth;
    expect(world.told.up <= up && world.told.down <= down, 'more was told than there was').toBe(true);
  };
  for (const step of all) {
    world.step(step);
    check();
  }
  world.drain();
  check();
  expect(world.news.spared).toEqual(world.news.whole);
}

const RUNS = { numRuns: Number(process.env.OBSERVE_RUNS ?? 5_000) };

test('events late, lost and twice, names used again: never more than there was', () => {
  fc.assert(
    fc.property(steps(['told', 'told', 'lost', 'twice']), (all) => play(new World(true), all)),
    RUNS,
  );
}, 120_000);

test('no event lost: exact, however late, also when names are used again', () => {
  fc.assert(
    fc.property(steps(['told', 'told', 'twice']), (all) => {
      const world = new World(true);
      play(world, all);
      expect(world.told).toEqual(world.truth);
    }),
    RUNS,
  );
}, 120_000);

test('events lost, each name used once: exactly what a listing or an end showed last', () => {
  fc.assert(
    fc.property(steps(['told', 'lost', 'twice']), (all) => {
      const world = new World(false);
      play(world, all);
      expect(world.told).toEqual(world.shown);
    }),
    RUNS,
  );
}, 120_000);
