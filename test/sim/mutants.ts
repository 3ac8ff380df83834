import type { ActorHeads } from '../../src/p2p/replicated.ts';
import { decodeOp, type Op } from '../../src/policy/op.ts';
import { Replica, type Verdict } from '../../src/policy/replica.ts';
import { quickCrypto } from './quick-crypto.ts';

/** Compares chains by their highest number: what forks hold beside each other is never asked for. */
export class BySeq extends Replica {
  override missing(theirs: readonly ActorHeads[], peers: Iterable<string>) {
    const seqs = theirs.map((actor) => ({
      ...actor,
      seq: Math.max(0, ...actor.heads.map(({ seq }) => seq)),
    }));
    const sent = super.missing([], peers).send.filter((id) => {
      const op = this.op(id);
      const actor = seqs.find(({ peer, run }) => peer === op?.peer && run === op.run);
      return op !== undefined && op.seq > (actor?.seq ?? 0);
    });
    return { send: sent, deferred: [] };
  }
}

/** Does not believe foreign ops whose author's clock ran ahead of the year 2100: a matter of taste, which nothing here may be. */
export class Choosy extends Replica {
  #writes = false;

  override author(...what: Parameters<Replica['author']>): Op {
    this.#writes = true;
    try {
      return super.author(...what);
    } finally {
      this.#writes = false;
    }
  }

  override admit(envelope: Uint8Array): Verdict {
    const read = this.#writes ? undefined : decodeOp(envelope, this.home, quickCrypto);
    return read?.ok === true && read.op.at > 4.1e12 ? { verdict: 'gap' } : super.admit(envelope);
  }
}
