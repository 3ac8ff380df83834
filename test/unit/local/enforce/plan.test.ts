import { describe, expect, test } from 'vitest';
import { diff, type Step } from '../../../../src/local/enforce/plan.ts';
import { compile, type Rulebook } from '../../../../src/local/enforce/rulebook.ts';
import { assignSlots, createSlotMemory } from '../../../../src/local/enforce/slots.ts';
import type { BlockSet } from '../../../../src/policy/block-set.ts';
import { blockSet, owner, type Wide } from './block-sets.ts';

/** Compiles one block set after the other with slots that last, as a backend does. */
function router(): (blocks: BlockSet) => Rulebook {
  const memory = createSlotMemory();
  return (blocks) => {
    memory.save(assignSlots(memory.load(), blocks.owners.keys()));
    return compile(blocks, memory.load(), { wan: ['wan0'] });
  };
}

const kinds = (steps: readonly Step[]): string[] => steps.map((step) => step.kind);
const linesOf = (step: Step | undefined): readonly string[] => (step?.kind === 'sets' ? step.lines : []);
const tv = (remotes: string[], addresses = ['192.168.1.20'], macs = ['02:aa:00:00:00:02']) =>
  owner('1', addresses, remotes, macs);

describe('diff', () => {
  test('one more pair: its remote into r, then R, in one step', () => {
    const of = router();
    const { steps, elements, rules } = diff(of(blockSet([tv([])])), of(blockSet([tv(['203.0.113.7'])])));
    expect(steps).toEqual([
      { kind: 'sets', lines: ['add hedge-r0-4 203.0.113.7', 'add hedge-R-4 203.0.113.7'] },
    ]);
    expect([elements, rules]).toEqual([2, 0]);
  });

  test('one pair less: out of R, then r; R keeps a remote that another owner has', () => {
    const of = router();
    const other = owner('2', ['192.168.1.30'], ['203.0.113.8']);
    const before = of(blockSet([tv(['203.0.113.7', '203.0.113.8']), other]));
    const { steps } = diff(before, of(blockSet([tv([]), other])));
    expect(steps).toEqual([
      {
        kind: 'sets',
        lines: ['del hedge-R-4 203.0.113.7', 'del hedge-r0-4 203.0.113.7', 'del hedge-r0-4 203.0.113.8'],
      },
    ]);
  });

  test('a new owner: remotes, chains in one transaction per family, then its addresses, K last', () => {
    const of = router();
    const { steps, reached } = diff(of(blockSet([])), of(blockSet([tv(['203.0.113.7'])])));
    expect(kinds(steps)).toEqual(['sets', 'chains', 'sets']);
    expect(linesOf(steps[0]).filter((line) => line.startsWith('add'))).toEqual([
      'add hedge-r0-4 203.0.113.7',
      'add hedge-R-4 203.0.113.7',
    ]);
    expect(linesOf(steps[2])).toEqual([
      'add hedge-d0-4 192.168.1.20',
      'add hedge-g0-4 192.168.1.20',
      'add hedge-L-4 192.168.1.20',
      'add hedge-K-4 192.168.1.20',
    ]);
    expect(reached.shape.slots.get(0)?.macs).toEqual(new Set(['02:aa:00:00:00:02']));
  });

  test('an owner that goes leaves its chains behind, and costs none when it comes back', () => {
    const of = router();
    const with1 = of(blockSet([tv(['203.0.113.7'])]));
    const gone = diff(with1, of(blockSet([])));
    expect(kinds(gone.steps)).toEqual(['sets']);
    expect(linesOf(gone.steps[0])[0]).toBe('del hedge-K-4 192.168.1.20');
    const back = diff(gone.reached, of(blockSet([tv(['203.0.113.7'])])));
    expect(kinds(back.steps)).toEqual(['sets']);
    expect(back.rules).toBe(0);
  });

  test('chains left behind go with the next change of chains, and when they are many', () => {
    const of = router();
    const gone = diff(of(blockSet([tv(['203.0.113.7'])])), of(blockSet([])));
    const next = owner('2', ['192.168.1.30'], ['203.0.113.7'], ['02:aa:00:00:00:03']);
    of(blockSet([tv([]), next]));
    const change = diff(gone.reached, of(blockSet([next])));
    expect([...change.reached.shape.slots.keys()]).toEqual([1]);
    expect(kinds(change.steps)).toEqual(['sets', 'chains', 'sets']);
    expect(linesOf(change.steps[2])).toContain('destroy hedge-d0-4');

    const many = Array.from({ length: 17 }, (_, i) => owner(`${i + 10}`, [`192.168.1.${i + 100}`], []));
    const emptied = diff(of(blockSet(many)), of(blockSet([])));
    expect(emptied.reached.shape.slots.size).toBe(0);
  });

  test('an address that passes to another owner: both are asked until the old one has lost it', () => {
    const of = router();
    const before = of(blockSet([tv(['203.0.113.7']), owner('2', ['192.168.1.30'], ['203.0.113.7'])]));
    const after = of(
      blockSet([tv(['203.0.113.7'], []), owner('2', ['192.168.1.30', '192.168.1.20'], ['203.0.113.7'])]),
    );
    const { steps } = diff(before, after);
    expect(kinds(steps)).toEqual(['chains', 'sets', 'chains']);
    expect(linesOf(steps[1])).toEqual(['add hedge-d1-4 192.168.1.20', 'del hedge-d0-4 192.168.1.20']);
  });

  test('another interface to the internet rewrites the root alone', () => {
    const of = router();
    const now = of(blockSet([tv(['203.0.113.7'])]));
    const { steps } = diff(now, { ...now, shape: { ...now.shape, wan: ['ppp0'] } });
    expect(kinds(steps)).toEqual(['chains']);
    const [step] = steps;
    expect(step?.kind === 'chains' && step.texts.get(4)).toBe(
      [
        '*mangle',
        ':HEDGEROW - [0:0]',
        '-A HEDGEROW ! -i ppp0 -m set --match-set hedge-R-4 dst -j HR-O',
        '-A HEDGEROW ! -i ppp0 -m set ! --match-set hedge-K-4 src -j HR-M',
        '-A HEDGEROW ! -o ppp0 -m set --match-set hedge-R-4 src -j HR-I',
        'COMMIT',
        '',
      ].join('\n'),
    );
  });
});

describe('diff of wide owners and their exceptions', () => {
  const wide = (what: Wide, remotes: string[] = []) => owner('1', ['192.168.1.20'], remotes, [], what);
  const stepsOf = (before: BlockSet, after: BlockSet): readonly Step[] => {
    const of = router();
    return diff(of(before), of(after)).steps;
  };
  const shown = (steps: readonly Step[]): string[] =>
    steps.flatMap((step) =>
      step.kind === 'chains' ? ['chains'] : step.lines.filter((line) => !/^(create|destroy)/.test(line)),
    );

  test('the first word costs one change of chains, then its owner is wide', () => {
    expect(shown(stepsOf(blockSet([wide({})]), blockSet([wide({ internet: true })])))).toEqual([
      'chains',
      'add hedge-w0-4 192.168.1.20',
      'add hedge-W-4 192.168.1.20',
    ]);
    expect(shown(stepsOf(blockSet([wide({ internet: true })]), blockSet([wide({})])))).toEqual([
      'del hedge-W-4 192.168.1.20',
      'del hedge-w0-4 192.168.1.20',
      'chains',
    ]);
  });

  test('another prefix and another exception of a kind in use are one step', () => {
    const before = blockSet([wide({ networks: ['10.0.0.0/8'], exceptions: ['10.0.0.1'] })]);
    const after = blockSet([
      wide({ networks: ['10.0.0.0/8', '11.0.0.0/8'], exceptions: ['10.0.0.1', '10.0.0.2', '11.0.0.1'] }),
    ]);
    expect(shown(stepsOf(before, after))).toEqual([
      // Nothing of it is blocked yet: before what it excepts from.
      'add hedge-a0-4 11.0.0.1',
      'add hedge-n0-4 11.0.0.0/8',
      // What was blocked passes last.
      'add hedge-a0-4 10.0.0.2',
    ]);
    expect(shown(stepsOf(after, before))).toEqual([
      'del hedge-a0-4 10.0.0.2',
      'del hedge-n0-4 11.0.0.0/8',
      'del hedge-a0-4 11.0.0.1',
    ]);
  });

  test('an address that is blocked no longer, but excepted', () => {
    const before = blockSet([wide({ internet: true, exceptions: ['203.0.113.1'] }, ['203.0.113.7'])]);
    const after = blockSet([wide({ internet: true, exceptions: ['203.0.113.1', '203.0.113.7'] })]);
    expect(shown(stepsOf(before, after))).toEqual([
      'add hedge-a0-4 203.0.113.7',
      'del hedge-R-4 203.0.113.7',
      'del hedge-r0-4 203.0.113.7',
    ]);
    expect(shown(stepsOf(after, before))).toEqual([
      'add hedge-r0-4 203.0.113.7',
      'add hedge-R-4 203.0.113.7',
      'del hedge-a0-4 203.0.113.7',
    ]);
  });

  test('what is blocked for everyone meets its first exception only when the rule for it is there', () => {
    const everyone = ['203.0.113.7'];
    const steps = stepsOf(blockSet([wide({})]), blockSet([wide({ exceptions: everyone })], { everyone }));
    expect(shown(steps)).toEqual([
      'add hedge-a0-4 203.0.113.7',
      'chains',
      'add hedge-E-4 203.0.113.7',
      'add hedge-R-4 203.0.113.7',
    ]);
  });

  test('an owner that goes leaves no chain behind that blocks by MAC, nor the door for wide owners', () => {
    const of = router();
    const gone = diff(of(blockSet([wide({ internet: true })])), of(blockSet([])));
    expect(gone.reached.shape.slots.size).toBe(0);
  });
});
