import fc from 'fast-check';
import type { RecordId } from '../../src/policy/block-set.ts';
import { homeIdOf } from '../../src/policy/genesis.ts';
import { encodeOp, type Op } from '../../src/policy/op.ts';
import type { Replica } from '../../src/policy/replica.ts';
import { admitAll, blockOf, crypto, deliver, genesis, key, replica, run } from './household.ts';

/** One thing that happens in a household of three routers. */
export type Action =
  | { do: 'block'; at: number; device: number; domain: number }
  | { do: 'unblock'; at: number; which: number }
  | { do: 'sync'; from: number; to: number }
  | { do: 'restart'; at: number }
  | { do: 'fork'; at: number; device: number };

const router = fc.integer({ min: 0, max: 2 });
const small = fc.integer({ min: 0, max: 3 });

/** Households: what their people do, when routers talk to each other, restarts, and copies of a store that write twice. */
export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('block' as const), at: router, device: small, domain: small }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('unblock' as const), at: router, which: small }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('sync' as const), from: router, to: router }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), at: router }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fork' as const), at: router, device: small }) },
  ),
  { minLength: 1, maxLength: 40 },
);

export interface Played {
  /** Every op that was ever written, each after those it needs. */
  readonly ops: readonly Op[];
  /** The routers as they ended up, not synced. */
  readonly routers: readonly Replica[];
  /** An op of somebody who is no member, which retires every block there is. */
  readonly stranger: Uint8Array;
}

/** Plays the actions with real replicas. Wall clocks are rubbish on purpose: nothing may depend on them. */
export function play(script: readonly Action[]): Played {
  const ops: Op[] = [];
  const seen = new Set<string>();
  const note = (op: Op): void => {
    if (!seen.has(op.id)) ops.push(op);
    seen.add(op.id);
  };
  const routers = [replica(note), replica(note), replica(note)];
  const runs = [1, 2, 3];
  const of = (n: number): Replica => routers[n] ?? replica();
  admitAll(of(0), [1, 2]);
  for (const other of [1, 2]) deliver(of(0), of(other));

  let tick = 0;
  for (const action of script) {
    tick += 1;
    const at = (tick * 7_919) % 1_000_003;
    switch (action.do) {
      case 'block': {
        const add = [
          blockOf(action.device, `d${action.domain}.example`),
          blockOf(action.device, 'twin.example'),
        ];
        of(action.at).author(key(action.at), run(runs[action.at] ?? 0), { at, by: 'p', over: [], add });
        break;
      }
      case 'unblock': {
        const blocks = liveBlocks(of(action.at));
        const over = blocks.filter((_, index) => index % 4 === action.which);
        if (over.length > 0)
          of(action.at).author(key(action.at), run(runs[action.at] ?? 0), { at, by: 'p', over, add: [] });
        break;
      }
      case 'sync':
        if (action.from !== action.to) deliver(of(action.from), of(action.to));
        break;
      case 'restart':
        runs[action.at] = 10 + tick;
        break;
      case 'fork': {
        // A copy of a store, restored and running beside the original, writes the same seq again.
        const mine = ops.filter(
          (op) => op.peer === key(action.at).peer && op.run === run(runs[action.at] ?? 0),
        );
        const last = mine.at(-1);
        if (last === undefined) break;
        const actor = { home: of(0).home, peer: last.peer, run: last.run, seq: last.seq, prev: last.prev };
        const draft = { at, by: `fork ${tick}`, over: [], add: [blockOf(action.device, 'fork.example')] };
        const where = of(tick % 3);
        if (last.prev === undefined || where.op(last.prev) !== undefined) {
          where.admit(encodeOp(actor, draft, key(action.at).sign));
        }
        break;
      }
    }
  }
  const all = [...new Set(routers.flatMap((one) => liveBlocks(one)))];
  const actor = { home: homeIdOf(genesis, crypto), peer: key(9).peer, run: run(9), seq: 1, prev: undefined };
  const stranger = encodeOp(actor, { at: 0, by: 'x', over: all.slice(0, 100), add: [] }, key(9).sign);
  return { ops, routers, stranger };
}

export function liveBlocks(of: Replica): RecordId[] {
  return [...of.live.values()].filter(({ record }) => record.kind === 'block').map(({ id }) => id);
}
