import { expect, it } from 'vitest';
import { openAbsence } from '../../src/absence.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { admitAll, key, replica } from '../support/household.ts';
import { peerView } from '../support/peer-view.ts';

const DAY = 86_400_000;

it('looks out for members while the agent runs, and keeps what it saw for the next one', async () => {
  const clock = new FakeClock();
  const home = replica();
  admitAll(home, [1]);
  const [notes, { peer }] = [new Map<string, Uint8Array>(), key(1)];
  const store = {
    note: (name: string) => notes.get(name),
    putNote: (name: string, bytes: Uint8Array) => void notes.set(name, bytes),
  } as unknown as Store;
  let heardAgoMs: number | undefined = 200;
  const network = { peers: () => [peerView(peer, { heardAgoMs })] };
  const open = () =>
    openAbsence({ clock, clockTrusted: () => true, replica: home, store, network, absentDays: 3 });
  const first = open();
  const life = new AbortController();
  await first.service.start(life.signal);
  await clock.advance(90_000);
  expect(first.lastHeard(peer)).toBeGreaterThan(clock.now() - 70_000);
  await first.service.stop();
  await first.service.stop();

  heardAgoMs = undefined;
  const second = open();
  expect(second.lastHeard(peer)).toBe(first.lastHeard(peer));
  await second.service.start(life.signal);
  for (let hour = 0; hour < 3.5 * 24; hour++) await clock.advance(DAY / 24);
  expect([second.absent(peer), second.absent(key(2).peer)]).toEqual([true, false]);
  life.abort();
});
