import { describe, expect, test } from 'vitest';
import { parseSave } from '../../../../src/local/enforce/chains-text.ts';
import { driftOf } from '../../../../src/local/enforce/drift.ts';
import type { Step } from '../../../../src/local/enforce/plan.ts';
import { narrow, parseElements, parseSizes, removal, widen } from '../../../../src/local/enforce/resync.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import { blockSet, owner } from './block-sets.ts';
import { KernelModel } from './kernel-model.ts';

const device = owner('1', ['192.168.1.20'], ['203.0.113.7', '203.0.113.8']);
const want = compile(blockSet([device]), new Map([[device.id, 0]]), { wan: ['wan0'] });
const nothing = { sizes: new Map<string, number>(), found: { 4: parseSave(''), 6: parseSave('') } };

function filled(): KernelModel {
  const model = new KernelModel();
  const { steps, between } = widen(want, model.look(), new Map());
  for (const step of steps) model.run(step, { exist: true });
  for (const step of narrow(want, between, model.look().sizes).steps) model.run(step, { exist: true });
  return model;
}

test('elements are read from what the tool prints, also behind its prompt', () => {
  const text =
    'ipset> create hedge-a0-4 hash:ip\nadd hedge-a0-4 1.2.3.4\nipset> add x 5.6.7.8 packets 1 bytes 2\nipset> ';
  expect(parseElements(text)).toEqual(
    new Map([
      ['hedge-a0-4', new Set(['1.2.3.4'])],
      ['x', new Set(['5.6.7.8'])],
    ]),
  );
});

test('sizes are read from a listing without elements', () => {
  const text = 'Name: hedge-L-4\nType: hash:ip\nNumber of entries: 3\n\nName: other\nNumber of entries: 0\n';
  expect(parseSizes(text)).toEqual(
    new Map([
      ['hedge-L-4', 3],
      ['other', 0],
    ]),
  );
});

describe('widening', () => {
  test('of nothing: all sets, then the chains with the jump', () => {
    const { steps } = widen(want, nothing, new Map());
    expect(steps.map(({ kind }) => kind)).toEqual(['sets', 'chains']);
    const [, chains] = steps;
    expect(chains?.kind === 'chains' && chains.texts.get(6)).toContain('-I FORWARD 1 -j HEDGEROW\nCOMMIT\n');
  });

  test('of what is in force: sets of remotes first, chains, then owners', () => {
    const { steps } = widen(want, filled().look(), new Map());
    expect(steps.map(({ kind }) => kind)).toEqual(['sets', 'chains', 'sets']);
    const added = (step: Step | undefined) =>
      step?.kind === 'sets'
        ? step.lines.filter((line) => line.startsWith('add') && !/-[HU]-/.test(line))
        : [];
    expect(added(steps[0])).toEqual([
      'add hedge-r0-4 203.0.113.7',
      'add hedge-r0-4 203.0.113.8',
      'add hedge-R-4 203.0.113.7',
      'add hedge-R-4 203.0.113.8',
    ]);
    expect(added(steps[2])).toEqual(
      ['d0', 'g0', 'L', 'K'].map((letter) => `add hedge-${letter}-4 192.168.1.20`),
    );
  });

  test('exceptions that are not wanted go before anything else, those that are come last', () => {
    const wide = { internet: true, exceptions: ['203.0.113.9'], exceptedNetworks: ['198.51.100.7/32'] };
    const one = owner('1', ['192.168.1.20'], [], [], wide);
    const rulebook = compile(blockSet([one]), new Map([[one.id, 0]]), { wan: [] });
    const excepting = new Map([
      ['hedge-a0-4', new Set(['203.0.113.7', '203.0.113.9'])],
      ['hedge-an0-4', new Set(['198.51.100.7', '198.51.100.0/24'])],
      ['hedge-a7-4', new Set(['203.0.113.7'])],
      ['hedge-d0-4', new Set(['192.168.1.20'])],
    ]);
    const [first, , last] = widen(rulebook, filled().look(), excepting).steps;
    expect(first?.kind === 'sets' && first.lines.filter((line) => line.startsWith('del'))).toEqual([
      'del hedge-a0-4 203.0.113.7',
      'del hedge-an0-4 198.51.100.0/24',
    ]);
    expect(last?.kind === 'sets' && last.lines.some((line) => /^add hedge-an?0/.test(line))).toBe(false);
    // Perhaps another owner's: none of them stays.
    excepting.set('hedge-d0-4', new Set(['192.168.1.21']));
    const [other] = widen(rulebook, filled().look(), excepting).steps;
    expect(other?.kind === 'sets' && other.lines.filter((line) => line.startsWith('del'))).toHaveLength(4);
    const sizes = new Map([...rulebook.sets].map(([name, { elements }]) => [name, elements.size]));
    sizes.set('hedge-a0-4', 0).set('hedge-an0-4', 0).set('hedge-d0-4', 2);
    const { steps, missing } = narrow(rulebook, rulebook.shape, sizes);
    expect(missing).toEqual([]);
    expect(steps[0]?.kind === 'sets' && steps[0].lines.slice(-3)).toEqual([
      'destroy hedge-tmp-d0-4',
      'add hedge-a0-4 203.0.113.9',
      'add hedge-an0-4 198.51.100.7/32',
    ]);
  });

  describe('the guard', () => {
    const swapsOf = (guard: string[], held: string[], home = ['192.168.1.0/24']) => {
      const rulebook = compile(blockSet([device], { guard, home }), new Map([[device.id, 0]]), { wan: [] });
      const [, , last] = widen(rulebook, filled().look(), new Map([['hedge-U-4', new Set(held)]])).steps;
      const lines = last?.kind === 'sets' ? last.lines : [];
      return lines
        .filter((line) => /(add|swap) hedge-tmp-[HU]-4/.test(line))
        .map((line) => line.replace('hedge-tmp-', ''));
    };

    test('first loses what it will not keep, then the home changes, then it gets what is new', () => {
      expect(swapsOf(['192.0.2.1/32', '192.0.2.9/32'], ['192.0.2.1', '192.0.2.8/31'])).toEqual([
        'add U-4 192.0.2.1/32',
        'add U-4 192.0.2.9/32',
        'swap U-4 hedge-U-4',
        'add H-4 192.168.1.0/24',
        'swap H-4 hedge-H-4',
      ]);
      expect(swapsOf(['192.0.2.1/32', '192.0.2.9/32'], ['192.0.2.1', '192.0.2.2'])).toEqual([
        'add U-4 192.0.2.1/32',
        'swap U-4 hedge-U-4',
        'add H-4 192.168.1.0/24',
        'swap H-4 hedge-H-4',
        'add U-4 192.0.2.1/32',
        'add U-4 192.0.2.9/32',
        'swap U-4 hedge-U-4',
      ]);
    });

    test('that is right is not touched', () => {
      expect(swapsOf(['192.0.2.1/32'], ['192.0.2.1'])).toEqual([
        'add H-4 192.168.1.0/24',
        'swap H-4 hedge-H-4',
      ]);
    });
  });

  test('what a crash left under temporary names is removed, foreign sets are not', () => {
    const sizes = new Map([
      ['hedge-tmp-L-4', 1],
      ['hedge-tmp', 1],
      ['tmp-L-4', 1],
    ]);
    const [first] = widen(want, { ...nothing, sizes }, new Map()).steps;
    const lines = first?.kind === 'sets' ? first.lines : [];
    const destroyed = lines.filter((line) => line.startsWith('destroy'));
    // H and U are swapped in, also under temporary names.
    expect(destroyed.filter((line) => !/-[HU]-/.test(line))).toEqual(['destroy hedge-tmp-L-4']);
  });
});

describe('narrowing', () => {
  test('a set that is right is left alone, one with too much is swapped, one of ours not wanted is destroyed', () => {
    const sizes = new Map([...want.sets].map(([name, { elements }]) => [name, elements.size]));
    expect(narrow(want, want.shape, sizes)).toEqual({ missing: [], steps: [] });
    sizes.set('hedge-r0-4', 3).set('hedge-d7-4', 1).set('hedge-d07-4', 1).set('hedge-fund', 1);
    expect(narrow(want, want.shape, sizes).steps).toEqual([
      {
        kind: 'sets',
        lines: [
          'create hedge-tmp-r0-4 hash:ip family inet maxelem 1048576 counters',
          'add hedge-tmp-r0-4 203.0.113.7',
          'add hedge-tmp-r0-4 203.0.113.8',
          'swap hedge-tmp-r0-4 hedge-r0-4',
          'destroy hedge-tmp-r0-4',
          'destroy hedge-d7-4',
        ],
      },
    ]);
  });

  test('a set with too few is told', () => {
    expect(narrow(want, want.shape, new Map()).missing).toContain('hedge-r0-4');
  });
});

test('removal leaves nothing of ours and everything else', () => {
  const model = filled();
  model.sets.set('hedge-fund', { type: 'hash:ip', elements: new Set() });
  const { texts, lines } = removal(model.look());
  for (const [family, text] of texts) model.restore(family, text);
  for (const line of lines) model.ipset(line, false);
  expect([...model.sets.keys()]).toEqual(['hedge-fund']);
  expect([...model.chains[4]]).toEqual([['FORWARD', ['-A FORWARD -j ACCEPT']]]);
});

describe('drift', () => {
  test.each([
    ['nothing', () => undefined, []],
    ['the jump is gone', (model: KernelModel) => model.chains[4].set('FORWARD', []), ['jump HEDGEROW']],
    [
      'the jump was overtaken',
      (model: KernelModel) => model.chains[6].get('FORWARD')?.unshift('-A FORWARD -j ACCEPT'),
      ['jump HEDGEROW'],
    ],
    ['a chain was emptied', (model: KernelModel) => model.chains[4].set('HR-Od0', []), ['chain HR-Od0']],
    ['a chain is gone', (model: KernelModel) => model.chains[6].delete('HR-I'), ['chain HR-I']],
    [
      'a set was flushed',
      (model: KernelModel) => model.sets.get('hedge-r0-4')?.elements.clear(),
      ['set hedge-r0-4'],
    ],
    ['a set is gone', (model: KernelModel) => model.sets.delete('hedge-E-6'), ['set hedge-E-6']],
    [
      'a foreign rule below ours',
      (model: KernelModel) => model.chains[4].get('FORWARD')?.push('-A FORWARD -j DROP'),
      [],
    ],
  ])('%s', (_, disturb, expected) => {
    const model = filled();
    disturb(model);
    expect(driftOf(want, model.look()).map(({ what, name }) => `${what} ${name}`)).toEqual(expected);
  });
});
