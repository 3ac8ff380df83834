import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Outgoing, OutgoingQueue } from '../../../src/mqtt/outgoing.ts';

const message = (qos: 0 | 1, payload = 'x'): Outgoing => ({ topic: 't', payload, retain: false, qos });

describe('messages on their way to a broker', () => {
  it('go in order, so many unconfirmed at once', () => {
    const sent: string[] = [];
    const confirm: (() => void)[] = [];
    const queue = new OutgoingQueue({ bytes: 1_000, messages: 100 }, ({ payload, qos }, confirmed) => {
      sent.push(payload);
      if (qos === 1) confirm.push(confirmed);
    });
    queue.reset(2);
    for (const [qos, payload] of [
      [1, 'a'],
      [0, 'b'],
      [1, 'c'],
      [1, 'd'],
      [0, 'e'],
    ] as const)
      expect(queue.push(message(qos, payload), 0)).toBe(true);
    expect(sent.join('')).toBe('abc');
    confirm[0]?.();
    confirm[0]?.();
    expect(sent.join('')).toBe('abcde');
    for (const each of confirm) each();
    expect(queue.bytes).toBe(0);
  });

  it('are refused when there is no room, and forgotten with the connection', () => {
    const confirm: (() => void)[] = [];
    const queue = new OutgoingQueue({ bytes: 100, messages: 3 }, (_message, confirmed) =>
      confirm.push(confirmed),
    );
    queue.reset(1);
    expect(queue.push(message(1, 'x'.repeat(500)), 0)).toBe(true);
    expect(queue.push(message(0), 0)).toBe(false);
    queue.reset(1);
    expect([1, 2, 3, 4, 5].map(() => queue.push(message(1), 0))).toEqual([true, true, true, true, false]);
    confirm[0]?.();
    expect(queue.bytes).toBe(40);
    expect(queue.push(message(0), 90)).toBe(false);
  });

  it('whatever is confirmed when: all arrive once, in order, within the window', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom<0 | 1>(0, 1), fc.constant('confirm' as const)), { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (steps, window, atOnce) => {
          const sent: number[] = [];
          let open: (() => void)[] = [];
          const queue = new OutgoingQueue({ bytes: 1e6, messages: 1_000 }, ({ payload, qos }, confirmed) => {
            sent.push(Number(payload));
            if (qos === 1 && atOnce) confirmed();
            else if (qos === 1) open.push(confirmed);
            expect(open.length).toBeLessThanOrEqual(window);
          });
          queue.reset(window);
          let pushed = 0;
          for (const step of steps) {
            if (step === 'confirm') open.shift()?.();
            else queue.push(message(step, `${pushed++}`), 0);
          }
          while (open.length > 0) {
            const now = open;
            open = [];
            for (const each of now) each();
          }
          expect(sent).toEqual(Array.from({ length: pushed }, (_, i) => i));
          expect(queue.bytes).toBe(0);
        },
      ),
    );
  });
});
