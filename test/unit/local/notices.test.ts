import { expect, it } from 'vitest';
import { Notices } from '../../../src/local/notices.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function make(waitForHome: boolean, syncing = () => false) {
  const clock = new FakeClock();
  const did: string[] = [];
  const notices = new Notices({
    clock,
    waitForHome,
    syncing,
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

it('does not enforce once more for what was told or seen before a change', async () => {
  const { clock, notices, heard } = make(false);
  notices.described();
  notices.seen();
  notices.changed();
  await clock.advance(1_000);
  expect(heard()).toEqual(['enforce', 'publish']);
  notices.described();
  await clock.advance(19);
  notices.changed();
  await clock.advance(1_000);
  expect(heard()).toEqual(['enforce', 'publish']);
  notices.described();
  await clock.advance(20);
  notices.seen();
  await clock.advance(1_000);
  expect(heard()).toEqual(['enforce', 'publish', 'enforce']);
});

it('admits the first sync whole before it enforces; during later ones the kernel follows four times a second', async () => {
  const { clock, notices, heard } = make(false);
  notices.batch('begin');
  notices.changed();
  expect(heard()).toEqual([]);
  notices.batch('end');
  expect(heard()).toEqual(['publish', 'enforce']);
  notices.batch('begin');
  notices.batch('begin');
  for (let i = 0; i < 25; i++) {
    notices.changed();
    await clock.advance(10);
  }
  expect(heard().filter((what) => what === 'enforce')).toEqual(['enforce']);
  notices.changed();
  notices.batch('end');
  expect(heard()).not.toContain('enforce');
  notices.batch('end');
  expect(heard()).toContain('enforce');
  notices.changed();
  expect(heard()).toEqual(['enforce']);
  await clock.advance(1_000);
  expect(heard()).not.toContain('enforce');
});

it('obeys a person at once while a sync brings ops', async () => {
  const { clock, notices, heard } = make(false);
  for (const edge of ['begin', 'end', 'begin'] as const) notices.batch(edge);
  heard();
  notices.changed();
  expect(heard()).toEqual([]);
  notices.decided();
  expect(heard()).toEqual(['enforce']);
  await clock.advance(1_000);
  expect(heard()).toEqual(['publish']);
});

it('follows what others say of nodes within a tenth of a second, many registers at a time', async () => {
  const { clock, notices, heard } = make(false);
  for (let i = 0; i < 100; i++) {
    notices.described();
    await clock.advance(2);
  }
  expect(heard().filter((what) => what === 'enforce')).toHaveLength(2);
  notices.described();
  await clock.advance(20);
  expect(heard()).toContain('enforce');
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

it('holds on while a long sync goes on, also beyond its limits, until its end', async () => {
  let goesOn = true;
  const newcomer = make(true, () => goesOn);
  newcomer.notices.batch('begin');
  newcomer.notices.changed();
  await newcomer.clock.advance(120_000);
  expect(newcomer.notices.holding).toBe(true);
  expect(newcomer.heard()).toEqual([]);
  newcomer.notices.batch('end');
  expect(newcomer.heard()).toEqual(['publish', 'enforce']);

  const returning = make(false, () => goesOn);
  returning.notices.batch('begin');
  returning.notices.changed();
  await returning.clock.advance(30_000);
  // News is published a moment later as ever; what has reached the kernel is nothing.
  expect(returning.heard()).toEqual(['publish']);
  goesOn = false;
  await returning.clock.advance(1_000);
  expect(returning.heard()).toEqual(['enforce']);
});

it('does not wait for ever for a sync that never ends, and obeys a person meanwhile', async () => {
  const endless = make(true, () => true);
  endless.notices.batch('begin');
  await endless.clock.advance(599_000);
  expect(endless.notices.holding).toBe(true);
  await endless.clock.advance(2_000);
  expect(endless.notices.holding).toBe(false);
  expect(endless.heard()).toContain('enforce');

  const person = make(true, () => true);
  person.notices.batch('begin');
  await person.clock.advance(90_000);
  person.notices.decided();
  expect(person.heard()).toEqual(['enforce']);
});
