import type { ActorHeads } from '../../src/p2p/replicated.ts';
import { Replica, type Verdict } from '../../src/policy/replica.ts';
import { crypto } from '../support/household.ts';

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

/** Does not believe ops whose author's clock ran ahead of the year 2100: a matter of taste, which nothing here may be. */
export class Choosy extends Replica {
  override admit(envelope: Uint8Array): Verdict {
    const before = this.size;
    const probe = new Replica({ genesis: this.genesis, crypto });
    const verdict = probe.admit(envelope);
    if (verdict.verdict === 'ok' && verdict.op.at > 4.1e12) return { verdict: 'gap' };
    return this.size === before ? super.admit(envelope) : { verdict: 'held' };
  }
}
