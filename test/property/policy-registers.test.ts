import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/policy/descriptor.ts';
import { Registers, type RegisterVerdict } from '../../src/policy/registers.ts';
import { quickCrypto as crypto } from '../sim/quick-crypto.ts';
import { key, replica } from '../support/household.ts';

/** P16 of policy.md: registers converge under loss and reordering. Two routers write; all others listen. */
const WRITERS = 2;
const ROUTERS = 4;
const { home } = replica();

type Step =
  /** A writer describes a node anew, or takes back what it said of it. */
  | { do: 'write'; at: number; node: number; gone: boolean; lost: number }
  /** Of the gossip that waits for a router one message arrives, any of them, perhaps not for the last time. */
  | { do: 'hear'; at: number; which: number; again: boolean }
  /** A session; after `breaksAfter` registers the link is gone. */
  | { do: 'sync'; at: number; to: number; breaksAfter: number }
  /** The router forgets all marks, as at a restart. What a store keeps of registers is a set of them. */
  | { do: 'restart'; at: number }
  /** A writer has lost its store and begins a new generation with all that it has to say. */
  | { do: 'lose'; at: number };

const router = fc.nat(ROUTERS - 1);
const writer = fc.nat(WRITERS - 1);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('write' as const),
        at: writer,
        node: fc.nat(3),
        gone: fc.boolean(),
        lost: fc.nat(15),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('hear' as const),
        at: router,
        which: fc.nat(20),
        again: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('sync' as const),
        at: router,
        to: router,
        breaksAfter: fc.nat(6),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), at: router }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), at: writer }) },
  ),
  { minLength: 1, maxLength: 60 },
);

/** The mutant of the law: whatever arrives by gossip moves the mark, also past what was lost. */
class GossipMovesUpTo extends Registers {
  override admit(envelope: Uint8Array): RegisterVerdict {
    const verdict = super.admit(envelope);
    if (verdict === 'ok') for (let n = 0; n < WRITERS; n++) this.advance(key(n).peer);
    return verdict;
  }
}

class House {
  readonly #make: () => Registers;
  readonly #routers: Registers[];
  readonly #inboxes: Uint8Array[][] = Array.from({ length: ROUTERS }, () => []);
  readonly #wanted = Array.from({ length: WRITERS }, () => new Map<number, Descriptor | undefined>());
  readonly #stamps = Array.from({ length: WRITERS }, () => ({ gen: 1, rev: 0 }));

  constructor(make: () => Registers) {
    this.#make = make;
    this.#routers = Array.from({ length: ROUTERS }, make);
  }

  play(step: Step): void {
    switch (step.do) {
      case 'write':
        this.#write(step.at, step.node, step.gone, step.lost);
        break;
      case 'hear': {
        const inbox = this.#inboxes[step.at] ?? [];
        const index = step.which % Math.max(1, inbox.length);
        const envelope = inbox[index];
        if (envelope !== undefined) this.#of(step.at).admit(envelope);
        if (!step.again) inbox.splice(index, 1);
        break;
      }
      case 'sync':
        this.#sync(step.at, step.to, step.breaksAfter);
        break;
      case 'restart':
        this.#restart(step.at);
        break;
      case 'lose': {
        const stamp = this.#stamps[step.at];
        if (stamp === undefined) break;
        stamp.gen += 1;
        stamp.rev = 0;
        this.#routers[step.at] = this.#make();
        for (const node of this.#wanted[step.at]?.keys() ?? []) this.#write(step.at, node, false, 0);
        break;
      }
    }
  }

  /** After enough good sessions all say of every node what its writer said last. */
  check(): void {
    for (let round = 0; round < ROUTERS; round++) {
      for (let a = 0; a < ROUTERS; a++) for (let b = 0; b < ROUTERS; b++) this.#sync(a, b, 1_000);
    }
    const wanted = this.#wanted.flatMap((nodes, n) =>
      [...nodes].map(([node, about]) => `${key(n).peer} ${nodeId(node)} ${JSON.stringify(about)}`),
    );
    for (const registers of this.#routers) {
      const said = [...registers.all()].map(
        ({ peer, node, descriptor }) => `${peer} ${node} ${JSON.stringify(descriptor)}`,
      );
      expect(said.sort()).toEqual(wanted.sort());
      expect(registers.digest).toBe(this.#of(0).digest);
    }
  }

  #write(n: number, node: number, gone: boolean, lost: number): void {
    const stamp = this.#stamps[n];
    const wanted = this.#wanted[n];
    if (stamp === undefined || wanted === undefined) return;
    stamp.rev += 1;
    const about = gone ? undefined : descriptorOf(node, stamp.gen * 100 + stamp.rev);
    wanted.set(node, about);
    const { envelope } = this.#of(n).author(key(n), stamp, nodeId(node), about);
    for (const [to, inbox] of this.#inboxes.entries())
      if (to !== n && (lost & (1 << to)) === 0) inbox.push(envelope);
  }

  /** One way, as a session does it: in order of (gen, rev), the mark moves when all of a peer has come. */
  #sync(from: number, to: number, breaksAfter: number): void {
    if (from === to) return;
    const [source, target] = [this.#of(from), this.#of(to)];
    const marks = source.vector();
    let left = breaksAfter;
    for (const { peer, envelopes } of source.since(target.vector())) {
      for (const envelope of envelopes) {
        if (left <= 0) return;
        left -= 1;
        target.admit(envelope);
      }
      const mark = marks.get(peer);
      if (mark !== undefined) target.advance(peer, mark);
    }
  }

  #restart(n: number): void {
    const held = [...this.#of(n).all()].map(({ envelope }) => envelope);
    const next = this.#make();
    for (const envelope of held) next.admit(envelope);
    if (n < WRITERS) next.advance(key(n).peer);
    this.#routers[n] = next;
  }

  #of(n: number): Registers {
    const found = this.#routers[n];
    if (found === undefined) throw new RangeError(`no router ${n}`);
    return found;
  }
}

function descriptorOf(node: number, last: number): Descriptor {
  const addresses = [{ address: `203.0.${last >> 8}.${last & 0xff}` }];
  return { node: nodeId(node), device: false, macs: [], addresses, domains: ['a.example'], names: [] };
}

function nodeId(n: number): string {
  return n.toString(16).padStart(32, '0');
}

function law(make: () => Registers, numRuns: number) {
  const property = fc.property(steps, (script) => {
    const house = new House(make);
    for (const step of script) house.play(step);
    house.check();
  });
  const result = fc.check(property, { numRuns, seed: 20_261_121, endOnFailure: true });
  return { failed: result.failed, report: fc.defaultReportMessage(result) ?? '' };
}

const options = { home, crypto, isMember: () => true };

describe('P16: registers converge under loss and reordering', { timeout: 60_000 }, () => {
  it('holds for the registers', () => {
    const result = law(() => new Registers(options), 300);
    expect(result.failed, result.report).toBe(false);
  });

  it('catches registers in which gossip moves the mark', () => {
    expect(law(() => new GossipMovesUpTo(options), 300).failed).toBe(true);
  });
});
