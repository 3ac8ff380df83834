import { expect, test } from 'vitest';
import { Merges } from '../../../../src/local/nodes/merges.ts';
import { NodeNews } from '../../../../src/local/nodes/node-news.ts';
import type { Edges } from '../../../../src/policy/classes.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const isNew = (node: string) => ({ kind: 'new', node, device: true }) as const;
const gone = (node: string, device: boolean) => ({ kind: 'gone', node, device, why: 'age' }) as const;

test('a reader goes on where it was; what it missed is told', () => {
  const news = new NodeNews(new FakeClock(5));
  news.add(isNew('a'));
  news.add(gone('b', false));
  expect(news.since(0)).toEqual({
    notices: [
      { ...isNew('a'), number: 1, at: 5 },
      { ...gone('b', false), number: 2, at: 5 },
    ],
    missed: false,
  });
  expect(news.since(1).notices.map(({ node }) => node)).toEqual(['b']);
  expect(news.since(news.last)).toEqual({ notices: [], missed: false });
  for (let i = 0; i < 300; i++) news.add(gone(`r${i}`, false));
  // However many remotes go: what became of devices stays to be read.
  expect(news.since(0)).toMatchObject({ missed: true });
  expect(news.since(0).notices).toHaveLength(257);
  expect(news.since(0).notices[0]).toMatchObject(isNew('a'));
  expect(news.since(46)).toMatchObject({ missed: false });
  expect(news.dropped).toBe(45);
});

test('new devices wait until they cannot be forgotten, and those that others knew are not told', () => {
  const news = new NodeNews(new FakeClock());
  news.hold();
  for (const node of ['a', 'b']) news.add(isNew(node));
  news.add(gone('c', true));
  expect(news.since(0).notices.map(({ node }) => node)).toEqual(['c']);
  news.release((node) => node === 'a');
  expect(news.since(0).notices.map(({ node }) => node)).toEqual(['c', 'b']);
  news.release();
  expect(news.last).toBe(2);
  for (let i = 0; i < 300; i++) news.add(isNew(`n${i}`));
  expect(news.dropped).toBe(44);
});

test('what people made one, and took apart, since the first look', () => {
  const news = new NodeNews(new FakeClock());
  const merges = new Merges(news, (id) => id === 'a');
  const edges = (...ids: string[]): Edges =>
    new Map(
      ids.map(
        (id) => [id, { record: { kind: 'same', x: id[0] ?? '', y: id[1] ?? '' }, live: true }] as const,
      ),
    );
  merges.look(edges('ab'));
  expect(news.last).toBe(0);
  merges.look(edges('ab', 'cd'));
  merges.look(new Map([...edges('cd'), ['ab', { record: { kind: 'same', x: 'a', y: 'b' }, live: false }]]));
  expect(news.since(0).notices).toMatchObject([
    { kind: 'merged', node: 'c', with: 'd', device: false },
    { kind: 'split', node: 'a', with: 'b', device: true },
  ]);
});
