import { expect, test } from 'vitest';
import { Holds } from '../../../../src/local/nodes/holds.ts';
import { NodeReferences } from '../../../../src/local/nodes/references.ts';
import type { Record as PolicyRecord } from '../../../../src/policy/records.ts';

const [TV, ADS, OTHER] = ['tv', 'ads', 'other'];
const tv = { kind: 'device', id: TV } as const;

test('what refers to a node, by kind', () => {
  let version = 1;
  const live: PolicyRecord[] = [
    { kind: 'block', a: tv, b: { kind: 'domain', domain: 'ads.example' }, terms: {}, apart: [] },
    { kind: 'allow', a: tv, b: tv, terms: {} },
    { kind: 'in', group: 'kids', node: tv },
    { kind: 'name', of: tv, text: 'TV' },
    { kind: 'ignore', node: tv },
    { kind: 'same', x: TV, y: ADS },
    { kind: 'block', a: { kind: 'home' }, b: { kind: 'pattern', suffix: 'x.example' }, terms: {}, apart: [] },
  ];
  const holds = new Holds();
  const references = new NodeReferences({
    live: () => live.map((record) => ({ record })),
    version: () => version,
    idOfDomain: () => ADS,
    flows: (id) => (id === TV ? 3 : 0),
    referred: () => true,
    held: (id) => holds.of(id),
  });
  const release = holds.hold('watch', TV);
  expect(references.of(TV)).toEqual({ policy: 2, group: 1, name: 1, ignore: 1, merge: 1, flow: 3, view: 1 });
  expect(references.of(ADS)).toEqual({ policy: 1, merge: 1 });
  expect(references.of(OTHER)).toEqual({ pattern: 1 });
  release();
  live.splice(0, 6);
  expect(references.of(TV)).toMatchObject({ policy: 2, flow: 3 });
  version = 2;
  expect(references.of(TV)).toEqual({ pattern: 1, flow: 3 });
});

test('holds have a limit, which is told', () => {
  const holds = new Holds();
  for (let i = 0; i < 65_536; i++) holds.hold('view', `n${i}`);
  holds.hold('view', 'n0');
  holds.hold('view', 'one too many')();
  expect([holds.has('one too many'), holds.refused]).toEqual([false, 1]);
});
