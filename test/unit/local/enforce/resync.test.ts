import { describe, expect, test } from 'vitest';
import { parseSave } from '../../../../src/local/enforce/chains-text.ts';
import { driftOf } from '../../../../src/local/enforce/drift.ts';
import { narrow, parseSizes, removal, widen } from '../../../../src/local/enforce/resync.ts';
import { compile } from '../../../../src/local/enforce/rulebook.ts';
import { blockSet, owner } from './block-sets.ts';
import { KernelModel } from './kernel-model.ts';

const device = owner('1', ['192.168.1.20'], ['203.0.113.7', '203.0.113.8']);
const want = compile(blockSet([device]), new Map([[device.id, 0]]), { wan: ['wan0'] });
const nothing = { sizes: new Map<string, number>(), found: { 4: parseSave(''), 6: parseSave('') } };

function filled(): KernelModel {
  const model = new KernelModel();
  const { steps, between } = widen(want, model.look());
  for (const step of steps) model.run(step, { exist: true });
  for (const step of narrow(want, between, model.look().sizes).steps) model.run(step, { exist: true });
  return model;
}

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
  test('sets of remotes first, chains with the jump, then owners', () => {
    const { steps } = widen(want, nothing);
    expect(steps.map(({ kind }) => kind)).toEqual(['sets', 'chains', 'sets']);
    const [, chains, last] = steps;
    expect(chains?.kind === 'chains' && chains.texts.get(6)).toContain('-I FORWARD 1 -j HEDGEROW\nCOMMIT\n');
    expect(last).toEqual({
      kind: 'sets',
      lines: ['d0', 'g0', 'L', 'K'].map((letter) => `add hedge-${letter}-4 192.168.1.20`),
    });
  });

  test('what a crash left under temporary names is removed, foreign sets are not', () => {
    const sizes = new Map([
      ['hedge-tmp-L-4', 1],
      ['hedge-tmp', 1],
      ['tmp-L-4', 1],
    ]);
    const [first] = widen(want, { ...nothing, sizes }).steps;
    const lines = first?.kind === 'sets' ? first.lines : [];
    expect(lines.filter((line) => line.startsWith('destroy'))).toEqual(['destroy hedge-tmp-L-4']);
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
