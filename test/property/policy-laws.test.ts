import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Replica } from '../../src/policy/replica.ts';
import { quickCrypto } from '../sim/quick-crypto.ts';
import { actions, play } from '../support/history.ts';
import { genesis } from '../support/household.ts';
import { ModelReplica, type Mutations } from '../support/model-replica.ts';
import { feed, type LawSubject, laws, type Make } from './laws.ts';

class RealSubject extends Replica implements LawSubject {
  constructor(look: () => void = () => undefined) {
    super({ genesis, crypto: quickCrypto, onAdmitted: look });
  }

  liveIds(): string[] {
    return [...this.live.keys()].sort();
  }
}

const order = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 20 });
const names = Object.keys(laws) as (keyof typeof laws)[];
const real: Make = (look) => new RealSubject(look);
const model =
  (mutations: Mutations = {}): Make =>
  (look) =>
    new ModelReplica(genesis, mutations, look);

function check(law: keyof typeof laws, make: Make, numRuns: number): { failed: boolean; report: string } {
  const property = fc.property(actions, order, (script, seed) => laws[law](make, play(script), seed));
  const result = fc.check(property, { numRuns, seed: 20_261_121, endOnFailure: true });
  return { failed: result.failed, report: fc.defaultReportMessage(result) ?? '' };
}

/** A slow machine with other work; none of these waits for anything. */
const TIMEOUT_MS = 60_000;

describe('the laws of the policy', { timeout: TIMEOUT_MS }, () => {
  it.each(names)('%s holds for the replica', (law) => {
    const result = check(law, real, 60);
    expect(result.failed, result.report).toBe(false);
  });

  it.each(names)('%s holds for the naive model', (law) => {
    const result = check(law, model(), 15);
    expect(result.failed, result.report).toBe(false);
  });

  it('the replica folds every history as the model does, whatever part of it is there', () => {
    const part = fc.nat(1_000);
    fc.assert(
      fc.property(actions, part, (script, length) => {
        const { ops } = play(script);
        const envelopes = ops.slice(0, 1 + (length % ops.length)).map((op) => op.envelope);
        const replica = new RealSubject();
        const naive = new ModelReplica(genesis);
        for (const subject of [replica, naive]) feed(subject, envelopes);
        expect(replica.liveIds()).toEqual(naive.liveIds());
        for (const { id, peer } of ops) {
          expect(replica.counts(id)).toBe(naive.counts(id));
          expect(replica.isMember(peer)).toBe(naive.isMember(peer));
        }
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});

describe('the laws catch what looked simpler', { timeout: TIMEOUT_MS }, () => {
  const mutants: [string, Mutations, (keyof typeof laws)[]][] = [
    ['a highest-seq vector instead of heads', { highestSeqVector: true }, ['P4', 'P10', 'P12', 'P13']],
    ["strangers' ops stored", { strangersStored: true }, ['P14']],
    ['the lower hash wins a fork', { lowerHashWins: true }, ['P2', 'P10']],
    ['eviction by number instead of heads', { evictionBySeq: true }, ['P2', 'P8']],
    ['who is evicted first has lost', { firstEvictionWins: true }, ['P1', 'P9']],
    ['ops of which nothing is live are not handed on', { deadOpsTrimmed: true }, ['P11', 'P12']],
    ['an op is shown by halves', { shownByHalves: true }, ['P18']],
  ];
  const cases = mutants.flatMap(([name, mutations, broken]) =>
    broken.map((law): [string, keyof typeof laws, Mutations] => [name, law, mutations]),
  );

  it.each(cases)('%s: %s', (_, law, mutations) => {
    expect(check(law, model(mutations), 300).failed).toBe(true);
  });
});
