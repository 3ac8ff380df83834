import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Log, silentLog } from '../../src/log.ts';
import { type Service, STOP_DEADLINE_MS, startAll, stopAll } from '../../src/service.ts';

const story: string[] = [];

function service(name: string, of: Partial<Pick<Service, 'start' | 'stop'>> = {}): Service {
  return {
    name,
    start: async (signal) => {
      story.push(`${name} starts`);
      await of.start?.(signal);
    },
    stop: async () => {
      story.push(`${name} stops`);
      await of.stop?.();
    },
  };
}

const never = () => new AbortController().signal;

describe('services', () => {
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (fields) => warnings.push(`${fields.service}: ${fields.error}`) };
  afterEach(() => {
    story.length = 0;
    warnings.length = 0;
    vi.restoreAllMocks();
  });

  it('start in order and stop in reverse', async () => {
    const all = ['sink', 'middle', 'source'].map((name) => service(name));
    await startAll(all, never(), log);
    await stopAll(all, log);
    expect(story).toEqual([
      'sink starts',
      'middle starts',
      'source starts',
      'source stops',
      'middle stops',
      'sink stops',
    ]);
    expect(warnings).toEqual([]);
  });

  it('of which one fails to start unwind those that had started, it too, and give the error on', async () => {
    const failure = new Error('no port');
    const all = [
      service('sink'),
      service('middle', { start: () => Promise.reject(failure) }),
      service('source'),
    ];
    await expect(startAll(all, never(), log)).rejects.toBe(failure);
    expect(story).toEqual(['sink starts', 'middle starts', 'middle stops', 'sink stops']);
  });

  it('do not start any more once the agent is to stop', async () => {
    const stop = new AbortController();
    const all = [service('sink', { start: async () => stop.abort(new Error('enough')) }), service('source')];
    await expect(startAll(all, stop.signal, log)).rejects.toThrow('enough');
    expect(story).toEqual(['sink starts', 'sink stops']);
  });

  it('that fail to stop are told of and hold up nobody', async () => {
    const all = [service('sink'), service('source', { stop: () => Promise.reject(new Error('stuck')) })];
    await stopAll(all, log);
    expect(story).toEqual(['source stops', 'sink stops']);
    expect(warnings).toEqual(['source: stuck']);
  });

  it('that hang are left behind after the deadline', async () => {
    // The deadline is the platform's own timer; the test hands out one that it can end.
    const deadline = new AbortController();
    const asked = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(deadline.signal);
    const all = [service('sink'), service('source', { stop: () => new Promise(() => undefined) })];
    const stopping = stopAll(all, log);
    expect(story).toEqual(['source stops']);
    deadline.abort(new Error('time is over'));
    await stopping;
    expect(asked).toHaveBeenCalledWith(STOP_DEADLINE_MS);
    expect(story[0]).toBe('source stops');
    expect(warnings[0]).toBe('source: time is over');
  });
});
