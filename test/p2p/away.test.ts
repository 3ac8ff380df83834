import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Notices } from '../../src/local/notices.ts';
import { generateKey } from '../../src/p2p/keys.ts';
import type { Progress } from '../../src/p2p/sync/sync-progress.ts';
import type { Op } from '../../src/policy/op.ts';
import { addressOf, copy, equal, eventually, House, type Router, writeBlock } from './house.ts';

let house = new House();
afterEach(async () => {
  await house.stop();
  house = new House();
});

/** Domains that a router would block if it decided now. */
function blocked(router: Router): Set<string> {
  const domains = new Set<string>();
  for (const { record } of router.replica.live.values()) {
    if (record.kind === 'block' && record.b.kind === 'domain') domains.add(record.b.domain);
  }
  return domains;
}

function unblock(router: Router, op: Op): void {
  const draft = { at: Date.now(), by: 'test', over: [`${op.id}/0`], add: [] };
  router.replica.author(router.key, router.run, draft);
}

it('a router that was away for a year raises no dead, and what it wrote meanwhile is everywhere', async () => {
  const [a, b] = house.routers(2);
  if (a === undefined || b === undefined) throw new Error('no routers');
  let notices: Notices | undefined;
  const c = house.router(generateKey(), () => notices?.changed());
  house.admit(a, c.key.peer);
  const old = writeBlock(a, 'old');
  copy(a.replica, b.replica);
  copy(a.replica, c.replica);

  // The year: what was in force is lifted, and a thousand blocks come and go.
  unblock(a, old);
  for (let i = 0; i < 1_000; i++) {
    const by = i % 2 === 0 ? a : b;
    unblock(by, writeBlock(by, `lifted${i}`));
  }
  writeBlock(b, 'lasting');
  await house.start(a);
  await house.start(b, { bootstrap: [addressOf(a)] });
  await eventually('the two are equal', () => equal([a, b]), 30_000);

  // It comes back with its store, and with what was blocked on it while it was cut off.
  writeBlock(c, 'own');
  expect(blocked(c)).toEqual(new Set(['old.example', 'own.example']));
  const decided: Set<string>[] = [];
  const edges: string[] = [];
  const progress: Progress[] = [];
  notices = new Notices({
    clock: systemClock,
    waitForHome: false,
    syncing: () => c.network?.syncing() ?? false,
    enforce: () => void decided.push(blocked(c)),
    publish: () => undefined,
    stop: () => undefined,
  });
  const network = house.start(c, {
    bootstrap: [addressOf(a), addressOf(b)],
    onBatch: (edge) => {
      edges.push(edge);
      const now = c.network?.progress();
      if (now !== undefined) progress.push(now);
      notices?.batch(edge);
    },
  });
  const seen = setInterval(() => {
    const now = c.network?.progress();
    if (now !== undefined) progress.push(now);
  }, 1);
  await network;
  await eventually('all are equal', () => equal([a, b, c]), 50_000);
  await eventually('it decides', () => decided.at(-1)?.has('lasting.example') === true);
  clearInterval(seen);
  notices.stop();

  for (const router of [a, b, c])
    expect(blocked(router)).toEqual(new Set(['lasting.example', 'own.example']));
  // Between the begin and the end of the first sync nothing was decided, so none of the thousand was ever in force.
  for (const state of decided) expect([...state].filter((domain) => domain.startsWith('lifted'))).toEqual([]);
  expect(edges[0]).toBe('begin');
  expect(progress.length).toBeGreaterThan(0);
  for (const { received, expected } of progress) {
    expect(expected).toBeGreaterThan(500);
    expect(received).toBeLessThanOrEqual(expected);
  }
  // What was brought is history: nobody flooded anybody.
  for (const router of [a, b, c]) {
    expect(router.network?.peers().every((peer) => peer.flooding === undefined)).toBe(true);
  }
});
