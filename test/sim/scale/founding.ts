import { keyFromSeed, type SigningKey } from '../../../src/p2p/keys.ts';
import type { Genesis } from '../../../src/policy/genesis.ts';
import type { Op } from '../../../src/policy/op.ts';
import { Replica } from '../../../src/policy/replica.ts';
import { quickCrypto as crypto } from '../quick-crypto.ts';

/** A home as it is when every router has heard of every other. */
export interface FoundedHome {
  readonly keys: readonly SigningKey[];
  /** Another replica that holds all admissions; told of every op that comes after them. */
  replica(onAdmitted: (op: Op) => void): Replica;
}

const FOUNDERS_RUN = 'f0'.repeat(16);
const NONCE = '00'.repeat(16);

/** Above so many routers a home is made in a quick way. */
const LARGE = 100;
/** Then so many are admitted by one op, and so many are admins. */
const AT_ONCE = 500;
const ADMINS = 12;

/**
 * A home of so many routers. In a home of a hundred the founder admits one after the other as an admin, which is as people do it.
 * A larger one is made in a quick way, since the fold of the members costs the square of the number of admins, for every agent
 * (docs/benchmarks.md, "sim: scale"). The others take up what it wrote by pages, as a router does that starts anew.
 */
export function found(routers: number, seed: number): FoundedHome {
  const key = (n: number) => keyFromSeed(crypto.sha256(new TextEncoder().encode(`router ${n} of ${seed}`)));
  const keys = Array.from({ length: routers }, (_, n) => key(n));
  const founder = keys[0] ?? key(0);
  const genesis: Genesis = { recovery: key(-1).peer, founder: founder.peer, nonce: NONCE };
  const envelopes: Uint8Array[] = [];
  const step = routers > LARGE ? AT_ONCE : 1;
  const pageOps = Math.max(1, Math.ceil((routers - 1) / step));
  const first = new Replica({ genesis, crypto, pageOps, onAdmitted: (op) => envelopes.push(op.envelope) });
  for (let n = 1; n < routers; n += step) {
    const add = keys.slice(n, n + step).map(({ peer }, i) => {
      return { kind: 'admit' as const, peer, admin: routers <= LARGE || n + i < ADMINS };
    });
    first.author(founder, FOUNDERS_RUN, { at: 0, by: 'simulation', over: [], add });
  }
  const page = first.page(0);
  return { keys, replica: (onAdmitted) => another(genesis, pageOps, envelopes, page, onAdmitted) };
}

function another(
  genesis: Genesis,
  pageOps: number,
  envelopes: readonly Uint8Array[],
  page: Uint8Array | undefined,
  onAdmitted: (op: Op) => void,
): Replica {
  const own: Uint8Array[] = [];
  const held = envelopes.length;
  const replica = new Replica({
    genesis,
    crypto,
    pageOps,
    archive: { read: (n) => (n < held ? envelopes[n] : own[n - held]) },
    onAdmitted: (op, n) => {
      if (n < held) return;
      own.push(op.envelope);
      onAdmitted(op);
    },
  });
  const resumed = replica.resume(page === undefined ? [] : [page]);
  if (!resumed.ok) throw new RangeError(`the home could not be taken up: ${resumed.why}`);
  return replica;
}
