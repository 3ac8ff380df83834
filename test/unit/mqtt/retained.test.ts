import { describe, expect, it } from 'vitest';
import { Retained } from '../../../src/mqtt/retained.ts';
import { FakeBroker, FakeLink } from '../../support/fake-link.ts';

function world() {
  const broker = new FakeBroker();
  const link = new FakeLink({ broker });
  const retained = new Retained(link);
  link.onConnected(() => retained.connected());
  return { broker, link, retained };
}

describe('what is retained', () => {
  it('says what differs, once', () => {
    const { link, retained } = world();
    retained.listen(['own/#']);
    const desired = new Map([
      ['own/a', '1'],
      ['own/b', '2'],
    ]);
    expect(retained.step(desired)).toBe(true);
    expect(retained.step(new Map(desired))).toBe(true);
    expect(link.published).toHaveLength(2);
    expect(retained.step(new Map([['own/b', '3']]))).toBe(true);
    expect(link.published.slice(2)).toEqual([
      { topic: 'own/a', payload: '', retain: true },
      { topic: 'own/b', payload: '3', retain: true },
    ]);
  });

  it('clears what lay there before, and nothing that is not its own', () => {
    const { broker, retained } = world();
    for (const topic of ['own/old', 'own/a', 'other/x', 'own/stranger'])
      broker.publish({ topic, payload: 'old', retain: true });
    const own = new Retained([...broker.links][0] ?? new FakeLink(), (topic) => !topic.endsWith('stranger'));
    retained.release();
    own.listen(['own/+']);
    own.step(new Map([['own/a', '1']]));
    expect(Object.fromEntries(broker.retained)).toEqual({
      'own/a': '1',
      'other/x': 'old',
      'own/stranger': 'old',
    });
  });

  it('puts right what somebody else changed or cleared', () => {
    const { broker, retained } = world();
    const desired = new Map([
      ['own/a', '1'],
      ['own/b', '2'],
    ]);
    retained.listen(['own/#']);
    retained.step(desired);
    broker.publish({ topic: 'own/a', payload: 'x', retain: true });
    broker.publish({ topic: 'own/b', payload: '', retain: true });
    broker.publish({ topic: 'own/c', payload: 'new', retain: true });
    retained.step(desired);
    expect(broker.retained).toEqual(desired);
  });

  it('keeps the difference while the link takes nothing, and no queue', () => {
    const { broker, link, retained } = world();
    retained.listen(['own/#']);
    link.full = true;
    for (let turn = 0; turn < 5; turn++) expect(retained.step(new Map([['own/a', `${turn}`]]))).toBe(false);
    link.full = false;
    expect(retained.step(new Map([['own/a', '5']]))).toBe(true);
    expect(link.published).toHaveLength(1);
    expect(broker.retained.get('own/a')).toBe('5');
  });

  it('says everything anew to a broker that has forgotten it', () => {
    const { broker, link, retained } = world();
    const desired = new Map([['own/a', '1']]);
    retained.listen(['own/#']);
    retained.step(desired);
    link.disconnect();
    broker.retained.clear();
    expect(retained.step(desired)).toBe(true);
    link.connect();
    retained.step(desired);
    expect(broker.retained).toEqual(desired);
  });

  it('leaves everything to the next one when it lets go', () => {
    const { broker, retained } = world();
    retained.listen(['own/#']);
    retained.step(new Map([['own/a', '1']]));
    retained.release();
    expect(broker.retained.get('own/a')).toBe('1');
    expect([...broker.links][0]?.filters()).toEqual([]);
  });

  it('does so much at a time', () => {
    const { broker, retained } = world();
    const desired = new Map(Array.from({ length: 2_500 }, (_, n) => [`own/${n}`, 'x']));
    retained.listen(['own/#']);
    expect([retained.step(desired), retained.step(desired), retained.step(desired)]).toEqual([
      false,
      false,
      true,
    ]);
    expect(broker.retained.size).toBe(2_500);
  });
});
