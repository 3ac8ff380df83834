import { syncSession } from '../../src/p2p/sync-session.ts';
import { encodeOp, type Op } from '../../src/policy/op.ts';
import type { Record } from '../../src/policy/records.ts';
import { channelPair, type End } from '../p2p/channel-pair.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { blockOf, key } from '../support/household.ts';
import { Random } from './random.ts';
import { type Life, SimRouter } from './sim-router.ts';

/** What happens, and how often against the rest. */
const ACTIONS = {
  block: 10,
  unblock: 7,
  sync: 12,
  see: 6,
  cut: 3,
  heal: 3,
  kill: 3,
  start: 6,
  wipe: 1,
  fork: 2,
  wait: 4,
} as const;

/** Gossip to a router that can be reached arrives so often. */
const GOSSIP = 0.7;
/** So many sessions break after a few messages. */
const BROKEN = 0.2;

/**
 * Routers with real replicas, registers, publishers and stores, over a network in memory that loses gossip, breaks
 * sessions and is cut. Everything that happens follows from the seed.
 */
export class World {
  readonly clock = new FakeClock();
  readonly routers: readonly SimRouter[];
  /** Every op that was acknowledged (on its author's disk) and not lost with the only disk that had it. */
  readonly acknowledged = new Map<string, Op>();
  /** Ops whose author died before it could acknowledge them: they may be on its disk or not. */
  readonly unfinished = new Map<string, Op>();
  readonly #random: Random;
  readonly #cuts = new Set<string>();

  constructor(seed: number, size: number) {
    this.#random = new Random(seed);
    this.routers = Array.from(
      { length: size },
      (_, n) =>
        new SimRouter(
          `r${n}`,
          key(n),
          this.clock,
          () => this.#random.next(),
          (register) => {
            this.#gossip(this.routers[n], ({ registers }) => registers.admit(register));
          },
        ),
    );
  }

  /** A home of all routers that has just been made: everybody is running and knows everybody. */
  async found(): Promise<void> {
    for (const router of this.routers) await this.#start(router);
    const [founder, ...others] = this.routers;
    for (const other of others) {
      if (founder !== undefined)
        await this.#write(founder, [{ kind: 'admit', peer: other.key.peer, admin: true }]);
    }
    await this.settle();
  }

  async step(): Promise<void> {
    const random = this.#random;
    const router = random.pick(this.routers);
    if (router === undefined) return;
    switch (random.choose(ACTIONS)) {
      case 'block':
        await this.#write(router, [this.#someBlock()]);
        break;
      case 'unblock': {
        const blocks = [...(router.life?.replica.live.values() ?? [])].filter(
          ({ record }) => record.kind === 'block',
        );
        const over = blocks.filter(() => random.chance(0.3)).map(({ id }) => id);
        if (over.length > 0) await this.#write(router, random.chance(0.3) ? [this.#someBlock()] : [], over);
        break;
      }
      case 'sync':
        await this.#sync(
          router,
          random.pick(this.routers),
          random.chance(BROKEN) ? random.below(12) : undefined,
        );
        break;
      case 'see':
        router.life?.cache.apply({
          kind: 'answer',
          domain: this.#domain(),
          chain: [],
          addresses: [`203.0.113.${random.below(250)}`],
          ttlS: 60,
        });
        router.life?.publisher.notify();
        break;
      case 'cut':
        this.#cuts.add(link(router, random.pick(this.routers)));
        break;
      case 'heal':
        this.#cuts.clear();
        break;
      case 'kill':
        if (random.chance(0.5)) await this.#dieWriting(router);
        router.kill();
        break;
      case 'start':
        if (router.life === undefined) await this.#start(router);
        break;
      case 'wipe':
        await this.#wipe(router);
        break;
      case 'fork':
        await this.#fork(router);
        break;
      case 'wait':
        await this.clock.advance(random.chance(0.2) ? 70_000 : random.below(3_000));
        break;
    }
    await this.#flush();
  }

  /** The end of all faults: everybody runs, is connected and syncs with everybody until nothing moves. */
  async settle(): Promise<void> {
    this.#cuts.clear();
    for (const router of this.routers) if (router.life === undefined) await this.#start(router);
    for (let round = 0; round < 6; round++) {
      for (const [n, a] of this.routers.entries()) {
        for (const b of this.routers.slice(n + 1)) await this.#sync(a, b);
      }
      for (const { life } of this.routers) life?.publisher.notify();
      await this.clock.advance(1_100);
    }
    await this.#flush();
  }

  async #start(router: SimRouter): Promise<void> {
    await router.start(this.#random.hex(16));
  }

  /** As a command does it: in the replica, on disk, then announced. */
  async #write(router: SimRouter, add: readonly Record[], over: readonly string[] = []): Promise<void> {
    const life = router.life;
    if (life === undefined || !life.replica.isMember(router.key.peer)) return;
    const op = life.replica.author(router.key, life.run, {
      at: this.#random.below(1e9),
      by: 'sim',
      over,
      add,
    });
    await life.store.durable();
    this.acknowledged.set(op.id, op);
    this.#gossip(router, ({ replica }) => replica.admit(op.envelope));
    life.publisher.notify();
  }

  /** Killed after an op was made and before it was known to be on disk: nobody was told of it. */
  async #dieWriting(router: SimRouter): Promise<void> {
    const life = router.life;
    if (life === undefined || !life.replica.isMember(router.key.peer)) return;
    const draft = { at: 1, by: 'sim', over: [], add: [this.#someBlock()] };
    const op = life.replica.author(router.key, life.run, draft);
    this.unfinished.set(op.id, op);
  }

  /** A twin of the router, restored from a snapshot of its running memory, writes the same seq once more elsewhere. */
  async #fork(router: SimRouter): Promise<void> {
    const life = router.life;
    const other = this.#random.pick(this.routers.filter((one) => one !== router && one.life !== undefined));
    if (life === undefined || other?.life === undefined || !life.replica.isMember(router.key.peer)) return;
    const heads = life.replica.heads([router.key.peer]).find(({ run }) => run === life.run)?.heads ?? [];
    const last = life.replica.op(this.#random.pick(heads)?.id ?? '');
    if (last === undefined) return;
    const actor = { home: life.replica.home, peer: last.peer, run: last.run, seq: last.seq, prev: last.prev };
    const draft = { at: this.#random.below(1e9), by: 'twin', over: [], add: [this.#someBlock()] };
    const verdict = other.life.replica.admit(encodeOp(actor, draft, router.key.sign));
    if (verdict.verdict !== 'ok') return;
    await other.life.store.durable();
    this.acknowledged.set(verdict.op.id, verdict.op);
  }

  /** What only this disk had is lost for good, and nobody could help it. */
  async #wipe(router: SimRouter): Promise<void> {
    const elsewhere = new Set<string>();
    for (const other of this.routers) {
      if (other !== router) for (const id of await other.onDisk()) elsewhere.add(id);
    }
    for (const id of this.acknowledged.keys()) if (!elsewhere.has(id)) this.acknowledged.delete(id);
    router.wipe();
  }

  async #flush(): Promise<void> {
    for (const { life } of this.routers) await life?.store.durable();
  }

  #gossip(from: SimRouter | undefined, tell: (life: Life) => unknown): void {
    for (const to of this.routers) {
      if (to === from || to.life === undefined || this.#cuts.has(link(from, to))) continue;
      if (this.#random.chance(GOSSIP)) tell(to.life);
    }
  }

  /** One real session; `breaksAfter` so many messages the link is gone. */
  async #sync(a: SimRouter, b: SimRouter | undefined, breaksAfter?: number): Promise<void> {
    if (a === b || a.life === undefined || b?.life === undefined || this.#cuts.has(link(a, b))) return;
    let messages = 0;
    const ends: [End, End] = channelPair(() => {
      messages += 1;
      if (messages === breaksAfter) for (const end of ends) end.close();
    });
    const talk = async (life: Life, end: End) => {
      const result = await syncSession(end, {
        replica: life.replica,
        registers: life.registers,
        clock: this.clock,
        signal: new AbortController().signal,
      });
      end.close();
      if (result.outcome === 'failed' && breaksAfter === undefined) throw new Error(`sync: ${result.reason}`);
      life.publisher.notify();
    };
    await Promise.all([talk(a.life, ends[0]), talk(b.life, ends[1])]);
  }

  #someBlock(): Record {
    return blockOf(this.#random.below(4), this.#domain());
  }

  #domain(): string {
    return `d${this.#random.below(5)}.example`;
  }
}

function link(a: SimRouter | undefined, b: SimRouter | undefined): string {
  return [a?.name, b?.name].sort().join(' ');
}
