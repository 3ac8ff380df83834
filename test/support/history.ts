import fc from 'fast-check';
import type { RecordId } from '../../src/policy/block-set.ts';
import { homeIdOf } from '../../src/policy/genesis.ts';
import { decodeOp, encodeOp, type Op } from '../../src/policy/op.ts';
import type { Head, Record } from '../../src/policy/records.ts';
import type { Replica } from '../../src/policy/replica.ts';
import { admitAll, blockOf, crypto, deliver, genesis, key, replica, run } from './household.ts';

/** One thing that happens in a household; `at` is the router where it happens. */
export type Action =
  | { do: 'block'; at: number; device: number; domain: number }
  | { do: 'unblock'; at: number; which: number }
  | { do: 'sync'; at: number; to: number }
  | { do: 'restart'; at: number }
  | { do: 'fork'; at: number; device: number }
  | { do: 'admit'; at: number; whom: number; admin: boolean }
  | { do: 'evict'; at: number; whom: number }
  | { do: 'leave'; at: number }
  /** One of those that were evicted writes on: after its last op, beside an older one, or as a new run. */
  | { do: 'defy'; at: number; how: 'on' | 'back' | 'anew' };

/** The founder and two that it admits at once; the others come in by `admit`. */
const ROUTERS = 5;
const AT_ONCE = [1, 2];

const at = fc.integer({ min: 0, max: ROUTERS - 1 });
const small = fc.integer({ min: 0, max: 3 });
const kind = <K extends Action['do']>(name: K) => fc.constant(name);

/**
 * Households: what their people do, when routers talk to each other, who comes and goes, restarts, copies of a store that
 * write twice, and what evicted routers do about it.
 */
export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: kind('block'), at, device: small, domain: small }) },
    { weight: 6, arbitrary: fc.record({ do: kind('unblock'), at, which: small }) },
    { weight: 9, arbitrary: fc.record({ do: kind('sync'), at, to: at }) },
    { weight: 2, arbitrary: fc.record({ do: kind('restart'), at }) },
    { weight: 4, arbitrary: fc.record({ do: kind('fork'), at, device: small }) },
    { weight: 3, arbitrary: fc.record({ do: kind('admit'), at, whom: at, admin: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: kind('evict'), at, whom: at }) },
    { weight: 1, arbitrary: fc.record({ do: kind('leave'), at }) },
    { weight: 4, arbitrary: fc.record({ do: kind('defy'), at, how: fc.constantFrom('on', 'back', 'anew') }) },
  ),
  { minLength: 1, maxLength: 45 },
);

export interface Played {
  /** Every op that was ever written, by whomever, each after those it needs. */
  readonly ops: readonly Op[];
  /** The routers as they ended up, not synced. */
  readonly routers: readonly Replica[];
  /** An op of somebody who is no member, which retires every block there is. */
  readonly stranger: Uint8Array;
}

/** Plays the actions with real replicas. Wall clocks are rubbish on purpose: nothing may depend on them. */
export function play(script: readonly Action[]): Played {
  const house = new House();
  for (const action of script) house.play(action);
  const all = [...new Set(house.routers.flatMap((one) => liveBlocks(one)))];
  const actor = { home: homeIdOf(genesis, crypto), peer: key(9).peer, run: run(9), seq: 1, prev: undefined };
  const stranger = encodeOp(actor, { at: 0, by: 'x', over: all.slice(0, 100), add: [] }, key(9).sign);
  return { ops: [...house.ops.values()], routers: house.routers, stranger };
}

/** As `hedgerow evict` writes it: with the heads of all runs of the peer that `by` has seen. */
export function eviction(by: Replica, peer: string): Record {
  const heads: Head[] = by
    .heads([peer])
    .flatMap((actor) => actor.heads.map(({ id, seq }) => ({ run: actor.run, seq, id })));
  return { kind: 'evict', peer, heads };
}

export function liveBlocks(of: Replica): RecordId[] {
  return [...of.live.values()].filter(({ record }) => record.kind === 'block').map(({ id }) => id);
}

class House {
  readonly ops = new Map<string, Op>();
  readonly routers: readonly Replica[];
  readonly #runs = Array.from({ length: ROUTERS }, (_, n) => n + 1);
  #tick = 0;

  constructor() {
    this.routers = Array.from({ length: ROUTERS }, () => replica((op) => this.ops.set(op.id, op)));
    admitAll(this.#of(0), AT_ONCE);
    for (const other of AT_ONCE) deliver(this.#of(0), this.#of(other));
  }

  play(action: Action): void {
    this.#tick += 1;
    const here = this.#of(action.at);
    switch (action.do) {
      case 'block':
        this.#write(action.at, [
          blockOf(action.device, `d${action.domain}.example`),
          blockOf(action.device, 'twin.example'),
        ]);
        break;
      case 'unblock': {
        const over = liveBlocks(here).filter((_, index) => index % 4 === action.which);
        const instead = this.#tick % 3 === 0 ? [blockOf(7, `d${action.which}.example`)] : [];
        if (over.length > 0) this.#write(action.at, instead, over);
        break;
      }
      case 'sync':
        if (action.at !== action.to) deliver(here, this.#of(action.to));
        break;
      case 'restart':
        this.#runs[action.at] = 10 + this.#tick;
        break;
      case 'fork':
        this.#fork(action.at, action.device);
        break;
      case 'admit':
        this.#write(action.at, [{ kind: 'admit', peer: key(action.whom).peer, admin: action.admin }]);
        if (action.at !== action.whom) deliver(here, this.#of(action.whom));
        break;
      case 'evict':
        if (action.at !== action.whom && here.isMember(key(action.whom).peer))
          this.#write(action.at, [eviction(here, key(action.whom).peer)]);
        break;
      case 'leave':
        this.#write(action.at, [{ kind: 'leave' }]);
        break;
      case 'defy':
        this.#defy(action.at, action.how);
        break;
    }
  }

  #write(n: number, add: readonly Record[], over: readonly RecordId[] = []): void {
    if (!this.#of(n).isMember(key(n).peer)) return;
    this.#of(n).author(key(n), this.#run(n), { at: this.#wall(), by: 'p', over, add });
  }

  /** A copy of a store, restored and running beside the original, writes the same seq again. */
  #fork(n: number, device: number): void {
    const last = this.#own(n).findLast((op) => op.run === this.#run(n));
    if (last === undefined) return;
    const add = [blockOf(device, 'fork.example')];
    const envelope = encodeOp(
      { home: this.#of(0).home, peer: last.peer, run: last.run, seq: last.seq, prev: last.prev },
      { at: this.#wall(), by: `fork ${this.#tick}`, over: [], add },
      key(n).sign,
    );
    this.#of(this.#tick % ROUTERS).admit(envelope);
  }

  #defy(nth: number, how: 'on' | 'back' | 'anew'): void {
    const evicted = new Set(
      [...this.ops.values()].flatMap(({ add }) =>
        add.flatMap((record) => (record.kind === 'evict' ? [record.peer] : [])),
      ),
    );
    const out = this.routers.flatMap((_, m) => (evicted.has(key(m).peer) ? [m] : []));
    const n = out[nth % out.length];
    if (n === undefined) return;
    const { peer, sign } = key(n);
    const own = this.#own(n);
    const after = how === 'anew' ? undefined : how === 'on' ? own.at(-1) : own.at(this.#tick % own.length);
    const before = how === 'back' ? after?.prev : after?.id;
    const seq = (after?.seq ?? 0) + (how === 'back' ? 0 : 1);
    const envelope = encodeOp(
      {
        home: this.#of(0).home,
        peer,
        run: after?.run ?? run(100 + this.#tick),
        seq: Math.max(1, seq),
        prev: before,
      },
      {
        at: 1,
        by: `defies ${this.#tick}`,
        over: liveBlocks(this.#of(n)),
        add: [blockOf(6, 'defied.example')],
      },
      sign,
    );
    this.#of(this.#tick % ROUTERS).admit(envelope);
    const decoded = decodeOp(envelope, this.#of(0).home, crypto);
    if (decoded.ok) this.ops.set(decoded.op.id, decoded.op);
  }

  #own(n: number): Op[] {
    return [...this.ops.values()].filter((op) => op.peer === key(n).peer);
  }

  #of(n: number): Replica {
    const found = this.routers[n];
    if (found === undefined) throw new RangeError(`no router ${n}`);
    return found;
  }

  #run(n: number): string {
    return run(this.#runs[n] ?? 0);
  }

  #wall(): number {
    return (this.#tick * 7_919) % 1_000_003;
  }
}
