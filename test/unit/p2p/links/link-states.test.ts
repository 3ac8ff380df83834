import { expect, it } from 'vitest';
import { LinkStates } from '../../../../src/p2p/links/link-states.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('knows since when there is a connection or none, and why the last one was closed', async () => {
  const clock = new FakeClock();
  const links = new LinkStates(clock);
  await clock.advance(10);
  expect(links.of('a')).toEqual({ state: 'down', sinceMs: 10, closed: undefined });
  links.opened('a');
  await clock.advance(10);
  // A second one beside it changes nothing.
  links.opened('a');
  await clock.advance(10);
  expect(links.of('a')).toEqual({ state: 'up', sinceMs: 20, closed: undefined });
  links.ending('a', 'silent for longer than 6 s');
  links.closed('a');
  await clock.advance(5);
  expect(links.of('a')).toEqual({ state: 'down', sinceMs: 5, closed: 'silent for longer than 6 s' });
  links.opened('a');
  links.closed('a');
  expect(links.of('a').closed).toMatch(/the other side closed it/);
  links.forget('a');
  expect(links.of('a').closed).toBeUndefined();
});
