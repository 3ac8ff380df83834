import { expect, it } from 'vitest';
import { Counters } from '../../../../src/p2p/counters.ts';
import type { Attempt, DialPlan } from '../../../../src/p2p/links/dial-plan.ts';
import { Dialler } from '../../../../src/p2p/links/dialler.ts';
import type { Overlay } from '../../../../src/p2p/overlay.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** A dialler of which each dial does what `dial` says, and how many it may begin. */
function dialler(dial: Overlay['dial']) {
  const clock = new FakeClock();
  let room = 0;
  let wanted: Attempt[] = [];
  const plan: Pick<DialPlan, 'due' | 'ended'> = {
    due: (_now, _wishes, { max }) => {
      room = max;
      return wanted.splice(0, max);
    },
    ended: () => undefined,
  };
  const one = new Dialler({
    clock,
    counters: new Counters(),
    plan: plan as DialPlan,
    overlay: { dial } as Overlay,
    trusted: () => true,
    onFailed: () => undefined,
    onRefused: () => undefined,
  });
  const life = new AbortController().signal;
  const look = (count = 0) => {
    const attempt: Attempt = { target: 'a', peer: 'a', address: '/a', deadlineMs: 500, beside: false };
    wanted = Array.from({ length: count }, () => attempt);
    one.dial([], { bootstrap: false, alone: false, linked: [] }, life);
    return room;
  };
  return { clock, one, look };
}

it('dials sixteen at once, fewer after handshakes that did not come through, and more again after those that did', async () => {
  let comes = false;
  const { one, look } = dialler(async (_address, peer, _signal, { onReached } = {}) => {
    onReached?.();
    if (!comes) throw new Error('the stream was reset');
    return peer;
  });
  expect(look(1)).toBe(16);
  await one.ended();
  expect(look()).toBe(8);
  look(8);
  await one.ended();
  expect(look()).toBe(4);
  comes = true;
  look(3);
  await one.ended();
  expect(look()).toBe(7);
  for (let n = 0; n < 5; n++) {
    look(7);
    await one.ended();
  }
  expect(look()).toBe(16);
});

it('dials as many as ever where nobody answers', async () => {
  const { clock, one, look } = dialler(
    (_address, _peer, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  expect([look(16), look(1)]).toEqual([16, 0]);
  await clock.advance(500);
  await one.ended();
  expect(look()).toBe(16);
});
