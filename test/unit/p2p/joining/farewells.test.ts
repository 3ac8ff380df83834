import { expect, it } from 'vitest';
import { silentLog } from '../../../../src/log.ts';
import { Counters } from '../../../../src/p2p/counters.ts';
import { Farewells } from '../../../../src/p2p/joining/farewells.ts';
import type { Overlay } from '../../../../src/p2p/overlay.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

async function make() {
  const clock = new FakeClock();
  const counters = new Counters();
  const farewells = new Farewells({
    overlay: { handle: async () => undefined } as unknown as Overlay,
    clock,
    log: silentLog,
    counters,
    farewell: {
      evictionOf: (peer) => (peer.startsWith('gone') ? new Uint8Array(1) : undefined),
      told: () => undefined,
      late: () => undefined,
    },
  });
  await farewells.start(new AbortController().signal);
  return { clock, counters, farewells };
}

it('whoever was evicted is let in to hear it, however often another one comes', async () => {
  const { clock, counters, farewells } = await make();
  expect(farewells.lets('member')).toBe(false);
  let visits = 0;
  for (let n = 0; n < 600; n++) {
    if (farewells.lets('gone 1')) visits += 1;
    await clock.advance(100);
  }
  expect(visits).toBe(4);
  expect(farewells.lets('gone 2')).toBe(true);
  expect(counters.snapshot()['farewells.too_often']).toBe(596);
});

it('no more are let in than the pace of all, whoever they are', async () => {
  const { clock, farewells } = await make();
  const come = () =>
    Array.from({ length: 1_000 }, (_, n) => farewells.lets(`gone ${n}`)).filter(Boolean).length;
  expect(come()).toBe(10);
  await clock.advance(4_000);
  expect(come()).toBeLessThanOrEqual(2);
});
