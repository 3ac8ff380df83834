import { expect, it } from 'vitest';
import { Notices } from '../../../src/local/notices.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function make(waitForHome: boolean) {
  const clock = new FakeClock();
  const did: string[] = [];
  const notices = new Notices({
    clock,
    waitForHome,
    enforce: () => void did.push('enforce'),
    publish: () => void did.push('publish'),
    stop: () => void did.push('stop'),
  });
  return { clock, notices, heard: () => did.splice(0) };
}

it('enforces at once and publishes a moment later, many changes at a time', async () => {
  const { clock, notices, heard } = make(false);
  notices.changed();
  notices.changed();
  expect(heard()).toEqual(['enforce', 'enforce']);
  await clock.advance(20);
  expect(heard()).toEqual(['publish']);
  notices.seen();
  notices.seen();
  expect(heard()).toEqual([]);
  await clock.advance(200);
  expect(heard()).toEqual(['enforce']);
});

it('admits the first sync whole before it enforces, and holds nothing back after it', async () => {
  const { clock, notices, heard } = make(false);
  notices.batch('begin');
  notices.changed();
  expect(heard()).toEqual([]);
  notices.batch('end');
  expect(heard()).toEqual(['publish', 'enforce']);
  notices.batch('begin');
  notices.changed();
  expect(heard()).toEqual(['enforce']);
  await clock.advance(20);
});

it('does not let a peer that drips hold back the kernel', async () => {
  const { clock, notices, heard } = make(false);
  notices.batch('begin');
  notices.changed();
  await clock.advance(2_000);
  expect(heard()).toEqual(['publish', 'enforce']);
});

it('knows nothing with an empty store: it leaves the kernel alone and says nothing until the others have told', async () => {
  const { clock, notices, heard } = make(true);
  notices.changed();
  notices.seen();
  await clock.advance(5_000);
  expect(notices.holding).toBe(true);
  expect(heard()).toEqual([]);
  notices.batch('begin');
  await clock.advance(5_000);
  expect(heard()).toEqual([]);
  notices.batch('end');
  expect(heard()).toEqual(['publish', 'enforce']);
  expect(notices.holding).toBe(false);
});

it('obeys a person at once all the same, and goes on alone after a minute', async () => {
  const person = make(true);
  person.notices.changed();
  person.notices.decided();
  expect(person.heard()).toEqual(['enforce']);
  await person.clock.advance(1_000);
  expect(person.heard()).toEqual([]);
  person.notices.batch('begin');
  person.notices.batch('end');
  expect(person.heard()).toEqual(['publish', 'enforce']);

  const alone = make(true);
  await alone.clock.advance(60_000);
  expect(alone.heard()).toContain('enforce');
  expect(alone.heard()).toEqual([]);
  expect(alone.notices.holding).toBe(false);
  alone.notices.stop();
  expect(alone.heard()).toEqual(['stop']);
});
