import { describe, expect, it } from 'vitest';
import { SESSION_MS, Sessions } from '../../../../src/control/http/sessions.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

describe('a session', () => {
  const made = () => {
    const clock = new FakeClock();
    const password: { version: string | undefined } = { version: 'one' };
    return { clock, password, sessions: new Sessions(clock, () => password.version) };
  };
  const open = (sessions: Sessions, name = 'Anna') => sessions.open(name) ?? '';

  it('has a token that nobody guesses', () => {
    const { sessions } = made();
    const token = open(sessions);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(sessions.use(token)?.name).toBe('Anna');
    expect(sessions.use(`${token.slice(0, -1)}_`)).toBeUndefined();
    expect(sessions.use('')).toBeUndefined();
  });

  it('lasts as long as it is used', async () => {
    const { clock, sessions } = made();
    const token = open(sessions);
    for (let times = 0; times < 3; times++) {
      await clock.advance(SESSION_MS - 1);
      expect(sessions.use(token)).toBeDefined();
    }
    await clock.advance(SESSION_MS);
    expect(sessions.use(token)).toBeUndefined();
    expect(sessions.size).toBe(0);
  });

  it('ends at logout and with its password', () => {
    const { password, sessions } = made();
    const first = open(sessions);
    sessions.end(first);
    expect(sessions.use(first)).toBeUndefined();
    const second = open(sessions);
    password.version = 'two';
    expect(sessions.use(second)).toBeUndefined();
    password.version = undefined;
    expect(sessions.open('Anna')).toBeUndefined();
  });

  it('makes room for the 101st when it was used longest ago', () => {
    const { sessions } = made();
    const tokens = Array.from({ length: 100 }, (_, index) => open(sessions, `n${index}`));
    expect(sessions.use(tokens[0] ?? '')).toBeDefined();
    open(sessions);
    expect(sessions.size).toBe(100);
    expect(sessions.use(tokens[0] ?? '')).toBeDefined();
    expect(sessions.use(tokens[1] ?? '')).toBeUndefined();
  });
});
