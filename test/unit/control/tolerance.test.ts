import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { methodsOf } from '../../../src/control/methods.ts';
import type { Parts } from '../../../src/control/parts.ts';
import { readTolerances, ToleranceBook } from '../../../src/control/tolerance-book.ts';
import { silentLog } from '../../../src/log.ts';
import { admitAll, key } from '../../support/household.ts';
import { fakeParts } from '../../support/parts.ts';

const [SHED, KITCHEN] = [key(1).peer, key(2).peer];

/** A home of three, of which the others are waited for as the book says, and what was put in force. */
function home(saved = '') {
  const parts = fakeParts();
  admitAll(parts.replica, [1, 2]);
  for (const peer of [SHED, KITCHEN]) parts.peers.set(peer, { state: 'alive', applied: true });
  const store = { text: saved, applied: [] as [string, number | undefined][] };
  const tolerances = new ToleranceBook({
    load: () => store.text,
    save: (text) => {
      store.text = text;
    },
    apply: (peer, ms) => store.applied.push([peer, ms]),
    isMember: (peer) => parts.replica.isMember(peer),
    log: silentLog,
  });
  return { parts, store, tolerances, ...asking({ ...parts, tolerances }) };
}

function asking(parts: Parts) {
  const methods = methodsOf(parts);
  const run = async (name: string, params: object = {}) => (await methods.get(name)?.run(params)) as never;
  const nameOf = (peer: string) => parts.directory.routerName(peer);
  return { run, nameOf };
}

describe('how long a router is waited for', () => {
  it('is shown of all, with what they wait for us', async () => {
    const { run, nameOf } = home();
    expect(await run('tolerance')).toEqual(
      [SHED, KITCHEN].map((peer) => ({
        router: nameOf(peer),
        peer,
        setSeconds: undefined,
        toleranceSeconds: 6,
        stretched: false,
        theirToleranceSeconds: 10,
      })),
    );
  });

  it('is set of one, at once and over a restart, and by default again', async () => {
    const { run, nameOf, store } = home();
    const set = (time: string, dryRun = false) =>
      run('tolerance.set', { router: nameOf(SHED), time, dryRun });
    expect(await set('4m')).toMatchObject({ changed: true, routers: [{ peer: SHED, setSeconds: 240 }] });
    expect(await set('4m')).toMatchObject({ changed: false });
    expect(store.applied).toEqual([[SHED, 240_000]]);
    const later = home(store.text);
    expect(later.tolerances.read()).toEqual(new Map([[SHED, 240_000]]));
    expect(await set('default', true)).toMatchObject({ dryRun: true, changed: true });
    expect(store.applied).toHaveLength(1);
    expect(await set('default')).toMatchObject({ changed: true, routers: [{ setSeconds: undefined }] });
    expect(store.applied).toEqual([
      [SHED, 240_000],
      [SHED, undefined],
    ]);
    expect(home(store.text).tolerances.read().size).toBe(0);
  });

  it('is set of all that are members now, and says for whom not', async () => {
    const { run, store } = home();
    const view = await run('tolerance.set', { router: 'all', time: '2d' });
    expect(view).toMatchObject({ routers: [{ setSeconds: 172_800 }, { setSeconds: 172_800 }] });
    expect(JSON.stringify(view)).toContain('routers that join later have the default');
    expect(store.applied).toHaveLength(2);
  });

  it.each([
    ['3s', 'a router waits at least 4 s: a lost packet is no death'],
    ['3d', 'a router waits at most 48 h'],
    ['soon', '"soon" is not a length of time'],
    ['0s', '"0s" is not a length of time'],
  ])('cannot be %s', async (time, message) => {
    const { run } = home();
    await expect(run('tolerance.set', { router: 'all', time })).rejects.toMatchObject({
      name: 'UsageError',
      message,
    });
  });

  it('is of another router, of this home', async () => {
    const { run, nameOf, parts } = home();
    const set = (router: string) => run('tolerance.set', { router, time: '10s' });
    await expect(set(nameOf(parts.key.peer))).rejects.toMatchObject({
      message: 'this router does not wait for itself',
    });
    await expect(set('x')).rejects.toMatchObject({ message: 'no router is called "x"', hint: /, and all$/ });
  });

  it('cannot be set where nothing keeps it', async () => {
    const { run } = asking(fakeParts());
    await expect(run('tolerance.set', { router: 'all', time: '10s' })).rejects.toMatchObject({
      name: 'UnavailableError',
    });
  });

  it('is forgotten of who is no member any more', () => {
    const { tolerances, store } = home(JSON.stringify({ [key(5).peer]: 9_000 }));
    tolerances.set(SHED, 8_000);
    expect(JSON.parse(store.text)).toEqual({ [SHED]: 8_000 });
  });
});

describe('what was kept of it', () => {
  it('of any text is read as far as it makes sense, never an exception', () => {
    const some = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.constantFrom(SHED, 'x'), fc.oneof(fc.double(), fc.anything())).map((value) => {
        try {
          return JSON.stringify(value) ?? '';
        } catch {
          return '';
        }
      }),
    );
    fc.assert(
      fc.property(some, (text) => {
        for (const [peer, ms] of readTolerances(text)) {
          expect(peer).toMatch(/^[0-9a-f]{64}$/);
          expect(ms).toBeGreaterThanOrEqual(4_000);
          expect(ms).toBeLessThanOrEqual(172_800_000);
        }
      }),
      { numRuns: 300 },
    );
  });
});
