import type { Clock } from '../../src/clock.ts';
import { syncSession } from '../../src/p2p/sync/sync-session.ts';
import type { Draft, Op } from '../../src/policy/op.ts';
import { Replica, type ReplicaOptions } from '../../src/policy/replica.ts';
import { channelPair, type End } from '../p2p/channel-pair.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { genesis, key, recovery } from '../support/household.ts';
import { type Failure, nothing } from './counts.ts';
import { Net } from './net.ts';
import { judge } from './oracle.ts';
import { Random } from './random.ts';
import { isRunning, type Life, type Running, SimRouter } from './sim-router.ts';

/** Every action takes so long, milliseconds. */
export const STEP_MS = 50;

/**
 * Routers with real replicas, registers, publishers, trust and stores, over a network in memory that loses gossip, breaks
 * sessions and is cut. What happens follows from the actions that are played (deeds.ts) and the dice in them.
 */
export class World {
  readonly clock = new FakeClock();
  readonly net = new Net();
  readonly routers = new Map<number, SimRouter>();
  readonly count = nothing();
  /** Every op that was ever made, by whomever. */
  readonly written = new Map<string, Op>();
  /** Ops of the recovery key, which a person has on paper. */
  readonly onPaper: Op[] = [];
  /** What went wrong. */
  readonly failures: Failure[] = [];
  /** All chance inside the action that is being played. */
  dice = new Random(0);
  readonly #makeReplica: (options: ReplicaOptions) => Replica;
  readonly #walls = new Map<number, number>();

  constructor(makeReplica: (options: ReplicaOptions) => Replica = (options) => new Replica(options)) {
    this.#makeReplica = makeReplica;
  }

  /** A home of so many routers that has just been made: everybody is running and knows everybody. */
  async found(agents: number, seed: number): Promise<void> {
    this.dice = new Random(seed);
    const founder = this.add(0, []);
    await this.start(founder);
    for (let n = 1; n < agents; n++) {
      const admin = n === 1 || this.dice.chance(0.8);
      await this.write(0, { over: [], add: [{ kind: 'admit', peer: key(n).peer, admin }] });
      await this.start(this.add(n, [founder.key.peer]));
      await this.sync(0, n);
    }
    for (let n = 1; n < agents; n++) await this.sync(0, n);
    await this.pass(STEP_MS);
  }

  /** Does something with its own dice, so that it goes the same way whatever was done before. */
  async play(dice: number, deed: () => Promise<void>): Promise<void> {
    this.dice = new Random(dice);
    await deed();
  }

  /** A router that was just unpacked. */
  add(n: number, sponsors: readonly string[]): SimRouter {
    const router = new SimRouter({
      name: `r${n}`,
      key: key(n),
      clock: this.#clockOf(n),
      random: () => this.dice.next(),
      gossip: (register) => this.tell(n, (life) => life.registers.admit(register)),
      makeReplica: this.#makeReplica,
      sponsors,
    });
    this.routers.set(n, router);
    return router;
  }

  life(n: number): Life | undefined {
    return this.routers.get(n)?.life;
  }

  /** The routers that run and have not left. */
  present(): Running[] {
    return [...this.routers.values()].filter(isRunning).filter(({ gone }) => !gone);
  }

  setWall(n: number, wall: number): void {
    this.#walls.set(n, wall - this.clock.monotonic());
  }

  async start(router: SimRouter): Promise<void> {
    this.count.starts += 1;
    const { replica } = await router.start(this.dice.hex(16));
    const kept = [...this.written.values()].filter(({ id }) => router.kept.has(id));
    const { counted } = judge(
      genesis,
      kept.map(({ envelope }) => envelope),
    );
    for (const id of counted) {
      if (!replica.counts(id)) this.fail('a disk lost an op', `${router.key.peer} lost ${id}`);
    }
  }

  /** As a command does it: in the replica, on disk, then announced. */
  async write(n: number, draft: Pick<Draft, 'over' | 'add'>): Promise<Op | undefined> {
    const op = this.make(n, draft);
    const router = this.routers.get(n);
    if (op === undefined || router === undefined) return undefined;
    await router.flush();
    this.tell(n, ({ replica }) => replica.admit(op.envelope));
    router.life?.publisher.notify();
    return op;
  }

  /** The same without disk and announcement. Undefined for a router that may not write. */
  make(n: number, { over, add }: Pick<Draft, 'over' | 'add'>): Op | undefined {
    const router = this.routers.get(n);
    const life = router?.life;
    if (router === undefined || life === undefined || !life.replica.isMember(router.key.peer))
      return undefined;
    const at = router.clock.now();
    return this.note(life.replica.author(router.key, life.run, { at, by: 'sim', over, add }));
  }

  /** The recovery key is typed in at a router. */
  async writeOnPaper(n: number, draft: Pick<Draft, 'over' | 'add'>): Promise<void> {
    const router = this.routers.get(n);
    if (router?.life === undefined) return;
    const op = router.life.replica.author(recovery, this.dice.hex(16), { at: 0, by: 'paper', ...draft });
    this.onPaper.push(this.note(op));
    await router.flush();
    this.tell(n, ({ replica }) => replica.admit(op.envelope));
  }

  note(op: Op): Op {
    if (!this.written.has(op.id)) this.count.ops += 1;
    this.written.set(op.id, op);
    return op;
  }

  /** Whether anybody has ever evicted this one, heard or not. */
  wasEvicted(peer: string): boolean {
    return [...this.written.values()].some(({ add }) =>
      add.some((record) => record.kind === 'evict' && record.peer === peer),
    );
  }

  fail(what: string, detail: string): void {
    this.failures.push({ what, detail });
  }

  /** Gossip to everybody who can be reached. */
  tell(from: number, arrive: (life: Life) => unknown): void {
    for (const [to, router] of this.routers) {
      if (to === from || router.life === undefined) continue;
      this.net.post(from, to, this.clock.monotonic(), this.dice, () => {
        if (router.life !== undefined) arrive(router.life);
      });
    }
  }

  /** Time passes, and what is on its way arrives. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.net.deliver(this.clock.monotonic());
    for (const router of this.routers.values()) if (router.dirty) await router.flush();
  }

  /** One real session, if both are there and trust each other. `breaksAfter` so many messages the link is gone. */
  async sync(a: number, b: number, breaksAfter?: number): Promise<void> {
    if (a !== b && this.reaches(a, b)) await this.converse(a, b, breaksAfter);
  }

  /** The same without a question. */
  async converse(a: number, b: number, breaksAfter?: number): Promise<void> {
    const [one, other] = [this.routers.get(a), this.routers.get(b)];
    if (!isRunning(one) || !isRunning(other)) return;
    this.count.sessions += 1;
    let messages = 0;
    const ends: [End, End] = channelPair(() => {
      messages += 1;
      if (messages === breaksAfter) for (const end of ends) end.close();
    });
    const outcomes = await Promise.all([
      this.#talk(one, ends[0], breaksAfter !== undefined),
      this.#talk(other, ends[1], breaksAfter !== undefined),
    ]);
    for (const router of [one, other]) router.remember();
    if (outcomes.includes('failed')) this.count.broken += 1;
  }

  /** Whether a connection between two routers can stand: the path is good both ways, and each trusts the other. */
  reaches(a: number, b: number): boolean {
    const [one, other] = [this.routers.get(a), this.routers.get(b)];
    if (one?.life === undefined || other?.life === undefined) return false;
    if (!this.net.passes(a, b) || !this.net.passes(b, a)) return false;
    return one.life.trust.trusts(other.key.peer) && other.life.trust.trusts(one.key.peer);
  }

  async #talk({ life, clock }: Running, end: End, mayBreak: boolean): Promise<string> {
    const { replica, registers } = life;
    const signal = new AbortController().signal;
    const result = await syncSession(end, { replica, registers, clock, signal });
    end.close();
    if (result.outcome === 'failed' && !mayBreak) this.fail('a good session failed', result.reason ?? '');
    life.publisher.notify();
    return result.outcome;
  }

  /** A router's own clock: time runs alike everywhere, what the wall clocks say does not. */
  #clockOf(n: number): Clock {
    return {
      now: () => (this.#walls.get(n) ?? 1.7e12) + this.clock.monotonic(),
      monotonic: () => this.clock.monotonic(),
      after: (ms, run) => this.clock.after(ms, run),
      sleep: (ms, signal) => this.clock.sleep(ms, signal),
    };
  }
}
