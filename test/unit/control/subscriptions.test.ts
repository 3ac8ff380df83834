import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Method } from '../../../src/control/offer.ts';
import { type Subscriber, Subscriptions } from '../../../src/control/subscriptions.ts';
import { UsageError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Reader implements Subscriber {
  busy = false;
  readonly told: unknown[] = [];
  dismissed: string | undefined;
  onDismissed: () => void = () => undefined;

  dismiss(why: string): void {
    this.dismissed = why;
    this.onDismissed();
  }

  tell(text: string): void {
    this.told.push(JSON.parse(text).params);
  }
}

/** A home with one view whose answer a test sets. */
function world() {
  const clock = new FakeClock();
  const view = { answer: 'a', asked: 0, takesMs: 0, fails: false };
  const params = z.strictObject({ top: z.number().optional() });
  const run = async () => {
    view.asked += 1;
    if (view.takesMs > 0) await clock.sleep(view.takesMs);
    if (view.fails) throw new UsageError('not now');
    return view.answer;
  };
  const methods = new Map<string, Method>([
    ['flows', { params, run }],
    ['status', { params, run: async () => 'fine' }],
    ['block', { params, run }],
  ]);
  const subscriptions = new Subscriptions({ methods, clock, log: silentLog });
  const subscribe = (reader: Reader, everyMs = 1_000, request: Record<string, unknown> = {}) =>
    subscriptions.subscribe(reader, { view: 'flows', params: request, everyMs });
  return { clock, view, subscriptions, subscribe };
}

describe('subscriptions', () => {
  it('tell what a view says at once, and again when it says something else', async () => {
    const { clock, view, subscribe } = world();
    const reader = new Reader();
    const subscription = subscribe(reader);
    await clock.advance(0);
    expect(reader.told).toEqual([{ subscription, result: 'a' }]);
    await clock.advance(5_000);
    expect(reader.told).toHaveLength(1);
    view.answer = 'b';
    await clock.advance(1_000);
    expect(reader.told).toEqual([
      { subscription, result: 'a' },
      { subscription, result: 'b' },
    ]);
  });

  it('look once for all who look at the same', async () => {
    const { clock, view, subscribe } = world();
    const readers = Array.from({ length: 20 }, () => new Reader());
    for (const reader of readers) subscribe(reader);
    await clock.advance(0);
    expect(view.asked).toBe(1);
    await clock.advance(3_000);
    expect(view.asked).toBe(4);
    expect(readers.every(({ told }) => told.length === 1)).toBe(true);
    subscribe(new Reader(), 1_000, { top: 3 });
    await clock.advance(0);
    expect(view.asked).toBe(5);
  });

  it('tell everybody no more often than they asked for', async () => {
    const { clock, view, subscribe } = world();
    const [quick, slow] = [new Reader(), new Reader()];
    subscribe(quick, 250);
    subscribe(slow, 2_000);
    for (let i = 0; i < 16; i++) {
      view.answer = String(i);
      await clock.advance(250);
    }
    expect(quick.told).toHaveLength(16);
    expect(slow.told).toHaveLength(3);
  });

  it('leave out what was new while somebody did not read, and look for nobody else', async () => {
    const { clock, view, subscribe } = world();
    const reader = new Reader();
    subscribe(reader);
    await clock.advance(0);
    reader.busy = true;
    for (const answer of ['b', 'c', 'd']) {
      view.answer = answer;
      await clock.advance(1_000);
    }
    expect(view.asked).toBe(1);
    reader.busy = false;
    await clock.advance(1_000);
    expect(reader.told).toMatchObject([{ result: 'a' }, { result: 'd' }]);
  });

  it('ask a slow view less often, one look at a time', async () => {
    const { clock, view, subscribe } = world();
    view.takesMs = 2_000;
    subscribe(new Reader(), 250);
    await clock.advance(59_000);
    expect(view.asked).toBe(3);
  });

  it('tell when a view cannot be told, once', async () => {
    const { clock, view, subscribe } = world();
    const reader = new Reader();
    subscribe(reader);
    view.fails = true;
    await clock.advance(3_000);
    view.fails = false;
    await clock.advance(1_000);
    expect(reader.told).toMatchObject([
      { error: { name: 'UsageError', message: 'not now' } },
      { result: 'a' },
    ]);
  });

  it('are for views only, with parameters that they take', () => {
    const { subscriptions, subscribe } = world();
    const request = { params: {}, everyMs: 1_000 };
    const reader = new Reader();
    expect(() => subscriptions.subscribe(reader, { ...request, view: 'block' })).toThrow(
      'cannot be subscribed',
    );
    expect(() => subscriptions.subscribe(reader, { ...request, view: 'nonsense' })).toThrow();
    expect(() => subscribe(reader, 1_000, { top: 'many' })).toThrow();
    expect(subscriptions.size).toBe(0);
  });

  it('are of 192 at a time; one that does not read gives its place to who comes then', () => {
    const { subscriptions, subscribe } = world();
    const readers = Array.from({ length: 192 }, () => new Reader());
    for (const reader of readers) subscribe(reader);
    expect(() => subscribe(new Reader())).toThrow('too many');
    const [reads, stuck] = [readers[0] as Reader, readers[1] as Reader];
    subscribe(reads);
    stuck.busy = true;
    stuck.onDismissed = () => subscriptions.forget(stuck);
    subscribe(new Reader());
    expect(stuck.dismissed).toContain('not read');
    expect(readers.filter(({ dismissed }) => dismissed !== undefined)).toEqual([stuck]);
    expect(() => subscribe(new Reader())).toThrow('too many');
  });

  it('are 16 of one and 256 in all, and make room when somebody goes', async () => {
    const { clock, view, subscriptions, subscribe } = world();
    const readers = Array.from({ length: 17 }, () => new Reader());
    for (const reader of readers.slice(0, 16)) for (let i = 0; i < 16; i++) subscribe(reader);
    const [first, last] = [readers[0] as Reader, readers[16] as Reader];
    expect(() => subscribe(first)).toThrow('16');
    expect(() => subscribe(last)).toThrow('too many');
    subscriptions.forget(first);
    expect(subscriptions.size).toBe(240);
    const subscription = subscribe(last);
    expect(subscriptions.unsubscribe(first, subscription)).toBe(false);
    expect(subscriptions.unsubscribe(last, subscription)).toBe(true);
    for (const reader of readers) subscriptions.forget(reader);
    expect(subscriptions.size).toBe(0);
    await clock.advance(10_000);
    expect(view.asked).toBe(0);
  });
});
