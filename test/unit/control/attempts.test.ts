import { describe, expect, it } from 'vitest';
import { Attempts } from '../../../src/control/attempts.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('attempts at the password', () => {
  it('are five a minute from one address, each answered later', async () => {
    const clock = new FakeClock();
    const attempts = new Attempts(clock);
    const begin = () => attempts.begin('a', false);
    expect([begin(), begin(), begin(), begin(), begin()].map((turn) => turn.ok && turn.waitMs)).toEqual([
      250, 500, 1_000, 2_000, 4_000,
    ]);
    expect(begin()).toEqual({ ok: false, retryAfterS: 60 });
    await clock.advance(30_000);
    expect(begin()).toEqual({ ok: false, retryAfterS: 30 });
    expect(attempts.refused).toBe(2);
    await clock.advance(30_000);
    expect(begin()).toEqual({ ok: true, waitMs: 4_000 });
    await clock.advance(900_000);
    expect(begin()).toEqual({ ok: true, waitMs: 250 });
  });

  it('are thirty a minute in all, but not for who sits at the router', async () => {
    const clock = new FakeClock();
    const attempts = new Attempts(clock);
    for (let address = 0; address < 30; address++) {
      expect(attempts.begin(`a${address}`, false).ok).toBe(true);
      await clock.advance(1_000);
    }
    expect(attempts.begin('b', false)).toEqual({ ok: false, retryAfterS: 30 });
    expect(attempts.begin('127.0.0.1', true).ok).toBe(true);
  });

  it('do not count when they are right', () => {
    const attempts = new Attempts(new FakeClock());
    for (let time = 0; time < 100; time++) {
      expect(attempts.begin('a', false)).toEqual({ ok: true, waitMs: 250 });
      attempts.right('a');
    }
  });

  it('are counted for so many addresses only', () => {
    const clock = new FakeClock();
    const attempts = new Attempts(clock);
    for (let address = 0; address < 5_000; address++) attempts.begin(`a${address}`, true);
    expect(attempts.begin('a0', true)).toEqual({ ok: true, waitMs: 250 });
    expect(attempts.begin('a4999', true)).toEqual({ ok: true, waitMs: 500 });
  });
});
