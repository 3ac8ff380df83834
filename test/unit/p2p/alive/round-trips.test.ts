import { expect, it } from 'vitest';
import { RoundTrips } from '../../../../src/p2p/alive/round-trips.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('measures the way there and back without the time the other side held the echo', async () => {
  const clock = new FakeClock();
  const a = new RoundTrips(clock);
  const b = new RoundTrips(clock);
  const ping = a.sending();
  expect(ping).toEqual({ counter: 1, echo: 0, heldUs: 0 });
  await clock.advance(7);
  expect(b.received(ping)).toBeUndefined();
  await clock.advance(1_000);
  const pong = b.sending();
  expect(pong).toEqual({ counter: 1, echo: 1, heldUs: 1_000_000 });
  await clock.advance(5);
  expect(a.received(pong)).toBe(12);
  expect(a.received({ ...pong, counter: 2 })).toBeUndefined();
});

it('answers nothing for counters it never sent, and never a negative time', async () => {
  const clock = new FakeClock();
  const trips = new RoundTrips(clock);
  expect(trips.received({ counter: 9, echo: 5, heldUs: 0 })).toBeUndefined();
  trips.sending();
  expect(trips.received({ counter: 10, echo: 1, heldUs: 1e12 })).toBe(0);
});

it('keeps a bounded number of counters', () => {
  const trips = new RoundTrips(new FakeClock());
  for (let i = 0; i < 1_000; i++) trips.sending();
  expect(trips.received({ counter: 1, echo: 900, heldUs: 0 })).toBeUndefined();
  expect(trips.received({ counter: 1, echo: 1_000, heldUs: 0 })).toBe(0);
});
