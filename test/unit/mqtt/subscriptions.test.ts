import { expect, it } from 'vitest';
import { Subscriptions } from '../../../src/mqtt/subscriptions.ts';

it('hands a message to those who asked, by number where the broker tells it', () => {
  const failures: unknown[] = [];
  const subscriptions = new Subscriptions((error) => failures.push(error));
  const got: string[] = [];
  const want = (filter: string, name: string) =>
    subscriptions.add(filter, ({ topic }) => {
      got.push(`${name} ${topic}`);
      if (name === 'bad') throw new Error('a bug');
    });
  const undo = want('a/#', 'bad');
  const undoOther = want('a/#', 'other');
  want('a/b', 'exact');
  const tell = (topic: string, ids?: number | readonly number[]) => {
    got.length = 0;
    subscriptions.deliver({ topic, payload: '', retain: false }, ids);
    return got.join(', ');
  };
  expect(tell('a/b')).toBe('bad a/b, other a/b, exact a/b');
  expect(failures).toHaveLength(1);
  expect(tell('a/b', subscriptions.idOf('a/b'))).toBe('exact a/b');
  expect(tell('a/b', [subscriptions.idOf('a/#') ?? 0, 99])).toBe('bad a/b, other a/b');
  expect(tell('c', 7)).toBe('');
  expect([undo(), undo(), undoOther(), undoOther()]).toEqual([false, false, true, false]);
  expect(subscriptions.filters()).toEqual(['a/b']);
});
