import { expect, it } from 'vitest';
import { FakeBroker, FakeLink } from '../../support/fake-link.ts';

it('the link of the tests does what a broker does', () => {
  const broker = new FakeBroker();
  const link = new FakeLink({ broker });
  const will = { topic: 'hedgerow/b/state', payload: 'offline', retain: true };
  const other = new FakeLink({ broker, will, connected: false });
  const got: string[] = [];
  let times = 0;
  other.onConnected(() => {
    times += 1;
  });
  link.publish({ topic: 'hedgerow/a/x', payload: '1', retain: true });
  other.subscribe('hedgerow/#', ({ topic, payload, retain }) => got.push(`${retain} ${topic} ${payload}`));
  expect([got, times, other.publish({ topic: 'x', payload: '' }), other.dropped]).toEqual([[], 0, false, 1]);
  other.connect();
  link.publish({ topic: 'hedgerow/a/x', payload: '', retain: true });
  expect(got).toEqual(['true hedgerow/a/x 1', 'false hedgerow/a/x ']);
  other.disconnect();
  expect([...link.retained]).toEqual([['hedgerow/b/state', 'offline']]);
  expect([times, link.published.length, other.arrive({ topic: 'hedgerow/q', payload: '' })]).toEqual([
    1, 2, 0,
  ]);
});
