import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadPeerKey } from '../../../src/p2p/identity.ts';
import { foundHome } from '../../../src/p2p/joining/founding.ts';
import { HomeKeeper } from '../../../src/store/home-keeper.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hedgerow-keeper-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('a router that leaves puts its store, its home and its key aside, and begins with new ones', () => {
  const [home, store, key] = ['home.json', 'store', 'peer.key'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const before = loadPeerKey(dir);
  const keeper = HomeKeeper.open(home, store, () => foundHome(before));
  mkdirSync(store);
  writeFileSync(join(store, 'CURRENT'), '');
  keeper.putAside(store, key, 17);
  expect(readdirSync(dir).sort()).toEqual(['home.json.left-17', 'peer.key.left-17', 'store.left-17']);

  const after = loadPeerKey(dir);
  expect(after.peer).not.toBe(before.peer);
  const next = HomeKeeper.open(home, store, () => foundHome(after)).read();
  expect(next.genesis).not.toEqual(keeper.read().genesis);
});

it('what was cut short in the middle is done again', () => {
  const [home, store, key] = [join(dir, 'home.json'), join(dir, 'store'), join(dir, 'peer.key')];
  const before = loadPeerKey(dir);
  const keeper = HomeKeeper.open(home, store, () => foundHome(before));
  // The store went, the rest did not: it is still the old home, with the old key.
  expect(HomeKeeper.open(home, store, () => foundHome(before)).read()).toEqual(keeper.read());
  keeper.putAside(store, key, 18);
  expect(existsSync(home) || existsSync(key)).toBe(false);
});
