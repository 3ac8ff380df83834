import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Replica } from '../../src/policy/replica.ts';
import { actions, play } from '../support/history.ts';
import { crypto, genesis } from '../support/household.ts';
import { ModelReplica, type Mutations } from '../support/model-replica.ts';
import { type LawSubject, laws } from './laws.ts';

class RealSubject extends Replica implements LawSubject {
  constructor() {
    super({ genesis, crypto });
  }

  liveIds(): string[] {
    return [...this.live.keys()].sort();
  }
}

const order = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 20 });
const names = Object.keys(laws) as (keyof typeof laws)[];

function check(
  law: keyof typeof laws,
  make: () => LawSubject,
  numRuns: number,
): { failed: boolean; report: string } {
  const property = fc.property(actions, order, (script, seed) => laws[law](make, play(script), seed));
  const result = fc.check(property, { numRuns, seed: 20_261_121, endOnFailure: true });
  return { failed: result.failed, report: fc.defaultReportMessage(result) ?? '' };
}

describe('the laws of the policy', () => {
  it.each(names)('%s holds for the replica', (law) => {
    const result = check(law, () => new RealSubject(), 60);
    expect(result.failed, result.report).toBe(false);
  });

  it.each(names)('%s holds for the naive model', (law) => {
    const result = check(law, () => new ModelReplica(genesis), 20);
    expect(result.failed, result.report).toBe(false);
  });

  it('the replica folds every history as the model does', () => {
    fc.assert(
      fc.property(actions, (script) => {
        const { ops } = play(script);
        const real = new RealSubject();
        const model = new ModelReplica(genesis);
        for (const op of ops) expect(real.admit(op.envelope).verdict).toBe(model.admit(op.envelope).verdict);
        expect(real.liveIds()).toEqual(model.liveIds());
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe('the laws catch what looked simpler', () => {
  const mutants: [string, Mutations, keyof typeof laws][] = [
    ['a highest-seq vector instead of heads', { highestSeqVector: true }, 'P12'],
    ["strangers' ops stored", { strangersStored: true }, 'P14'],
    ['the lower hash wins a fork', { lowerHashWins: true }, 'P2'],
  ];

  it.each(mutants)('%s', (_, mutations, law) => {
    const result = check(law, () => new ModelReplica(genesis, mutations), 200);
    expect(result.failed).toBe(true);
  });
});
