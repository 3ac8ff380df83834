import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NodeRoll } from '../../src/control/node-roll.ts';
import type { Cursor } from '../../src/control/numbered.ts';
import type { Sighting } from '../../src/local/flows/flow.ts';
import { FlowTable } from '../../src/local/flows/flow-table.ts';
import { NodeCache } from '../../src/local/nodes/node-cache.ts';
import { deviceId, domainNodeId } from '../../src/policy/identity.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hashing } from '../unit/local/hashing.ts';
import { nameOf } from './flow-news.ts';

const MINUTE = 60_000;
const HOME = 'ab'.repeat(32);

type ReadPage = (cursor: Cursor | undefined) => {
  readonly names: readonly string[];
  readonly next: Cursor | undefined;
};

/** A clock that can be moved by hand. */
class HandClock extends FakeClock {
  at = 0;
  override monotonic(): number {
    return this.at;
  }
}

/** Reads page by page, and knows what must and may be listed to it. */
class Reader {
  readonly #listed = new Set<string>();
  readonly #page: ReadPage;
  readonly #atStart: ReadonlySet<string>;
  #throughout: ReadonlySet<string>;
  #cursor: Cursor | undefined;
  done = false;

  constructor(there: ReadonlySet<string>, page: ReadPage) {
    this.#page = page;
    this.#atStart = there;
    this.#throughout = there;
    this.read(there);
  }

  /** To be told after each step of what is there. */
  sees(there: ReadonlySet<string>): void {
    if (!this.done) this.#throughout = this.#throughout.intersection(there);
  }

  read(there: ReadonlySet<string>): void {
    if (this.done) return;
    const { names, next } = this.#page(this.#cursor);
    for (const name of names) {
      expect(this.#listed.has(name), `${name} twice`).toBe(false);
      expect(this.#atStart.has(name), `${name} came later`).toBe(true);
      expect(there.has(name), `${name} is gone`).toBe(true);
      this.#listed.add(name);
    }
    this.#cursor = next;
    this.done = next === undefined;
    if (this.done) expect([...this.#throughout.difference(this.#listed)]).toEqual([]);
  }
}

/** Steps of what happens, and between them some that read: `begin` a listing, or the k-th reader its next page. */
type Reading = { readonly kind: 'begin' } | { readonly kind: 'read'; readonly k: number };
const reading: fc.Arbitrary<Reading> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'begin' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), k: fc.nat(9) }) },
);

/** Does the steps; readers go on as they are told, and at last to the end. */
function going<S extends { readonly kind: string }>(
  steps: readonly (S | Reading)[],
  run: (step: S) => void,
  there: () => ReadonlySet<string>,
  page: ReadPage,
): void {
  const readers: Reader[] = [];
  for (const step of steps) {
    if (step.kind === 'begin') readers.push(new Reader(there(), page));
    else if (step.kind === 'read') readers[(step as { k: number }).k % readers.length]?.read(there());
    else {
      run(step as S);
      const now = there();
      for (const reader of readers) reader.sees(now);
    }
  }
  for (const reader of readers) while (!reader.done) reader.read(there());
}

const flowSteps = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('sees' as const),
      device: fc.integer({ min: 1, max: 4 }),
      port: fc.nat(30),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'sweep' as const }) },
  { weight: 4, arbitrary: reading },
);

describe('pages of flows', () => {
  it('list what was there throughout exactly once, nothing twice, nothing that came later; slots are used again', () => {
    fc.assert(
      fc.property(
        fc.array(flowSteps, { minLength: 1, maxLength: 150 }),
        fc.integer({ min: 1, max: 8 }),
        (steps, most) => {
          const clock = new FakeClock();
          const ageing = { flowTimeMs: MINUTE, maxIdle1Ms: MINUTE, nodeKeepFlows: 1, maxIdle2Ms: 2 * MINUTE };
          const table = new FlowTable({ clock, ...ageing, maxFlows: 25 });
          for (let port = 100; port < 125; port++) table.sees(sighting('d5', port));
          going<{ kind: 'sees'; device: number; port: number } | { kind: 'sweep' }>(
            steps,
            (step) =>
              step.kind === 'sweep' ? table.sweep() : table.sees(sighting(`d${step.device}`, step.port)),
            () => new Set(Array.from(table.flows(), nameOf)),
            (cursor) => {
              const { items, next } = table.page(cursor, most);
              expect(items.length).toBeLessThanOrEqual(most);
              return { names: items.map(nameOf), next };
            },
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

const macs = [1, 2, 3, 4, 5, 6].map((n) => `02:00:00:00:01:0${n}`);
const domains = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `d${n}.example`);
const ids = [
  ...macs.map((mac) => deviceId(hashing, HOME, mac)),
  ...domains.map((domain) => domainNodeId(hashing, HOME, domain)),
];
type NodeStep =
  | { readonly kind: 'device' | 'domain' | 'forget' | 'told'; readonly n: number }
  | { readonly kind: 'age' };
const nodeSteps = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('device' as const, 'domain' as const, 'told' as const, 'forget' as const),
      n: fc.nat(13),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'age' as const }) },
  { weight: 2, arbitrary: reading },
);

describe('pages of nodes', () => {
  it('list what was there throughout exactly once, whoever tells of it and by whichever of its ids', () => {
    fc.assert(
      fc.property(
        fc.array(nodeSteps, { minLength: 10, maxLength: 80 }),
        // Those with the same number are the same node.
        fc.array(fc.nat(4), { minLength: ids.length, maxLength: ids.length }),
        fc.integer({ min: 1, max: 2 }),
        (steps, same, most) => {
          const clock = new HandClock();
          const caps = { devices: 4, remotes: 5 };
          const cache = new NodeCache({ home: HOME, crypto: hashing, clock, caps, nodeKeepMs: MINUTE });
          let told: ReadonlyMap<string, unknown> = new Map(ids.map((id) => [id, undefined]));
          const classNamed = (id: string) => `class ${same[ids.indexOf(id)]}`;
          const classOf = (id: string) => ids.filter((other) => classNamed(other) === classNamed(id));
          const roll = new NodeRoll({ own: cache, told: () => told, classOf });
          const run = (step: NodeStep) => {
            if (step.kind === 'age') {
              clock.at += 2 * MINUTE;
              cache.sweep();
              return;
            }
            const { kind, n } = step;
            const domain = domains[n % domains.length] ?? '';
            const mac = macs[n % macs.length] ?? '';
            const id = ids[n] ?? '';
            if (kind === 'device') cache.apply(neighbour(mac));
            else if (kind === 'domain')
              cache.apply({ kind: 'answer', domain, chain: [], addresses: ['198.51.100.1'], ttlS: 60 });
            else if (kind === 'forget') cache.forget([mac]);
            else if (told.has(id)) told = new Map([...told].filter(([other]) => other !== id));
            else told = new Map([...told, [id, undefined]]);
          };
          const there = () => new Set(ids.filter((id) => cache.has(id) || told.has(id)).map(classNamed));
          going<NodeStep>(steps, run, there, (cursor) => {
            const { items, next } = roll.page(cursor, most);
            expect(items.length).toBeLessThanOrEqual(most);
            return { names: items.map(classNamed), next };
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('after more changes than can be told apart all of them are looked at', () => {
    const clock = new FakeClock();
    const cache = new NodeCache({ home: HOME, crypto: hashing, clock, caps: { remotes: 20_000 } });
    const roll = new NodeRoll({ own: cache, told: () => new Map(), classOf: (id) => [id] });
    expect(roll.page(undefined, 100)).toEqual({ items: [], next: undefined });
    for (let n = 0; n < 12_000; n++) cache.noteRemote(`198.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
    const listed = new Set<string>();
    let cursor: Cursor | undefined;
    do {
      const { items, next } = roll.page(cursor, 500);
      for (const id of items) listed.add(id);
      cursor = next;
    } while (cursor !== undefined);
    expect(listed.size).toBe(12_000);
  });
});

function sighting(device: string, port: number): Sighting {
  const counts = { packets: 1, bytes: 100 };
  const about = { device, other: 'r1', otherIsDevice: false, protocol: 6, offloaded: false };
  return { ...about, port, up: counts, down: counts, entries: 0 };
}

function neighbour(mac: string) {
  const about = { segment: 'attic/br-lan', interface: 'br-lan', address: '192.168.77.2', present: true };
  return { kind: 'neighbour' as const, ...about, mac, fresh: true };
}
