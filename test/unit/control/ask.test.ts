import { beforeEach, describe, expect, it } from 'vitest';
import { answersTo } from '../../../src/control/answers.ts';
import { ASKABLE } from '../../../src/control/askable.ts';
import { readForeignJson } from '../../../src/control/foreign-json.ts';
import { methodsOf } from '../../../src/control/methods.ts';
import { joinAnswers } from '../../../src/control/views/joined-answers.ts';
import { silentLog } from '../../../src/log.ts';
import { admitAll, key } from '../../support/household.ts';
import { type FakeParts, fakeParts, see } from '../../support/parts.ts';

const KITCHEN = key(1).peer;
const GARAGE = key(2).peer;

let parts: FakeParts;
beforeEach(() => {
  parts = fakeParts();
  admitAll(parts.replica, [1, 2]);
  for (const [n, name] of ['attic', 'kitchen', 'garage'].entries())
    parts.registers.author(key(n), { gen: 1, rev: 1 }, undefined, {
      name,
      prefixes: [],
      listens: [],
      macs: [],
    });
  parts.peers.set(KITCHEN, { state: 'alive', applied: true });
  parts.peers.set(GARAGE, { state: 'down', applied: false });
});

const run = (name: string, params: unknown) => methodsOf(parts).get(name)?.run(params);
const view = (value: unknown) => ({ kind: 'view' as const, json: JSON.stringify(value) });
const flow = (device: string, other: string, bytes: number, more = {}) => ({
  device: { id: device, label: device },
  other: { id: other, label: other },
  up: { packets: 1, bytes },
  ...more,
});

describe('asking one router', () => {
  it('brings its answer, and passes on what was asked', async () => {
    parts.answers.set(KITCHEN, view([{ id: 'x' }]));
    for (const router of ['kitchen', 'KITCHEN', KITCHEN.slice(0, 8)])
      expect(await run('ask', { router, view: 'flows', params: { top: 3 } })).toEqual([{ id: 'x' }]);
    expect(parts.questions[0]).toEqual({ peer: KITCHEN, view: 'flows', params: '{"top":3}' });
  });

  it('of this one is the view here', async () => {
    see(parts, '02:00:00:00:01:01', '192.168.1.20', 'tv');
    expect(await run('ask', { router: 'attic', view: 'devices' })).toMatchObject([{ label: 'tv' }]);
    expect(parts.questions).toEqual([]);
  });

  it.each<[string, object, object]>([
    [
      'a router that there is not',
      { router: 'kitchn', view: 'flows' },
      { name: 'UsageError', hint: 'did you mean kitchen?' },
    ],
    [
      'nothing like a router',
      { router: 'x', view: 'flows' },
      { name: 'UsageError', hint: 'there are attic, garage, kitchen, and all' },
    ],
    [
      'one that is down',
      { router: 'garage', view: 'flows' },
      { name: 'TemporaryError', message: 'garage cannot be reached: down for 5 minutes' },
    ],
    ['what is no view', { router: 'kitchen', view: 'block' }, { name: 'UsageError' }],
    ['what it would have to ask on', { router: 'kitchen', view: 'ask' }, { name: 'UsageError' }],
    [
      'a view mistyped',
      { router: 'kitchen', view: 'device' },
      { name: 'UsageError', hint: 'did you mean devices?' },
    ],
    [
      'one that does not answer',
      { router: 'kitchen', view: 'nodes' },
      { name: 'TemporaryError', message: 'kitchen: it did not answer' },
    ],
  ])('%s is an error that says what to do', async (_, params, error) => {
    await expect(run('ask', params)).rejects.toMatchObject(error);
  });

  it('that refuses is an error with its reason and its exit code', async () => {
    const why = { name: 'UsageError', message: 'no', hint: 'go there', exitCode: 64 };
    parts.answers.set(KITCHEN, { kind: 'refused', why });
    await expect(run('ask', { router: 'kitchen', view: 'flows' })).rejects.toMatchObject({
      ...why,
      message: 'kitchen: no',
    });
  });

  it('that answers rubbish is an error', async () => {
    for (const json of ['', '{', '['.repeat(100_000), `${'[{"a":'.repeat(40)}1${'}]'.repeat(40)}`]) {
      parts.answers.set(KITCHEN, { kind: 'view', json });
      await expect(run('ask', { router: 'kitchen', view: 'flows' })).rejects.toMatchObject({
        name: 'TemporaryError',
      });
    }
  });
});

describe('asking all', () => {
  it('brings what each said, and names those that did not', async () => {
    parts.answers.set(KITCHEN, view([flow('tv', 'ads', 5)]));
    const all = await run('ask.all', { view: 'flows', params: {} });
    expect(all).toMatchObject({
      view: 'flows',
      routers: [
        { router: 'attic', answer: [] },
        {
          router: 'garage',
          missing: { name: 'TemporaryError', message: 'garage cannot be reached: down for 5 minutes' },
        },
        { router: 'kitchen', answer: [{}] },
      ],
      joined: [{ device: { id: 'tv' }, up: { bytes: 5 }, routers: [{ router: 'kitchen' }] }],
    });
  });

  it('wrongly is told at once', async () => {
    for (const name of ['ask.all', 'ask'])
      await expect(run(name, { router: 'kitchen', view: 'flows', params: { tpo: 1 } })).rejects.toMatchObject(
        {
          name: 'ZodError',
        },
      );
    expect(parts.questions).toEqual([]);
  });

  it('for anything but flows adds nothing up', async () => {
    parts.answers.set(KITCHEN, view([]));
    expect(await run('ask.all', { view: 'devices' })).not.toHaveProperty('joined');
  });
});

describe('joined flows', () => {
  const join = (...answers: unknown[]) =>
    joinAnswers(
      parts,
      answers.map((answer, n) => ({ router: `r${n}`, answer })),
    );

  it('are the sums over the routers, the busiest first, with the part of each', () => {
    const rows = join(
      [flow('tv', 'ads', 5, { down: { packets: 1, bytes: 7 } }), flow('phone', 'ads', 1)],
      [flow('tv', 'ads', 10, { partial: true }), flow('phone', 'news', 100)],
    );
    expect(rows.map(({ device, other, up }) => `${device?.id} ${other?.id} ${up?.bytes}`)).toEqual([
      'phone news 100',
      'tv ads 15',
      'phone ads 1',
    ]);
    expect(rows[1]).toMatchObject({
      down: { packets: 1, bytes: 7 },
      partial: true,
      routers: [
        { router: 'r0', up: { bytes: 5 } },
        { router: 'r1', up: { bytes: 10 }, down: undefined },
      ],
    });
  });

  it('are one for all ids of a node', () => {
    parts.classes.push(['tv', 'tv2']);
    expect(join([flow('tv', 'ads', 5)], [flow('tv2', 'ads', 6)])).toMatchObject([{ up: { bytes: 11 } }]);
  });

  it('keep services and hours apart', () => {
    const rows = [
      flow('tv', 'ads', 1, { port: 1 }),
      flow('tv', 'ads', 1, { port: 2 }),
      flow('tv', 'ads', 1, { at: 'x' }),
    ];
    expect(join(rows)).toHaveLength(3);
  });

  it('of hours begin with the newest, and count connections', () => {
    const hour = (at: string, bytes: number) => ({
      at,
      up: { packets: 1, bytes },
      connections: 2,
      seenSecondsAgo: bytes,
    });
    const rows = join([hour('2026-11-20', 100), hour('2026-11-21', 1)], [hour('2026-11-21', 2)]);
    expect(rows).toMatchObject([
      { at: '2026-11-21', up: { bytes: 3 }, connections: 4, seenSecondsAgo: 1 },
      { at: '2026-11-20', up: { bytes: 100 } },
    ]);
  });

  it('are no more than were asked for', async () => {
    parts.answers.set(KITCHEN, view([flow('tv', 'ads', 5), flow('tv', 'news', 6)]));
    expect(await run('ask.all', { view: 'flows', params: { top: 1 } })).toMatchObject({
      joined: [{ other: { id: 'news' } }],
    });
    expect(parts.questions).toMatchObject([{ params: '{"top":1000}' }]);
  });

  it('leave out what is none', () => {
    const rubbish = [
      null,
      5,
      'x',
      [],
      {},
      flow('tv', 'ads', -1),
      flow('tv', 'ads', 0.5),
      { device: 'tv' },
      { device: { id: 1 } },
    ];
    expect(join(rubbish, 'x', undefined, { length: 3 }, [flow('tv', 'ads', 5)])).toMatchObject([
      { up: { bytes: 5 } },
    ]);
  });
});

describe('being asked', () => {
  const answer = (of: string, params = '{}', allowed = true) =>
    answersTo({
      people: () => ({ methods: methodsOf(parts), parts: { directory: { routerName: () => 'cellar' } } }),
      allowed,
      log: silentLog,
    })({ version: 1, view: of, params }, key(2).peer);

  it('is answered with the views that people see here', async () => {
    see(parts, '02:00:00:00:01:01', '192.168.1.20', 'tv');
    for (const of of ['flows', 'devices', 'nodes', 'peers', 'policies']) {
      const said = await answer(of);
      expect(said.kind === 'view' ? JSON.parse(said.json) : said).toEqual(
        JSON.parse(JSON.stringify(await run(of, {}))),
      );
    }
  });

  it.each([true, false])(
    'halts and goes on, and says who asked; tells other things or not: %s',
    async (tells) => {
      const said = JSON.stringify({ by: 'anna', for: '10m', home: true });
      expect(await answer('suspend', said, tells)).toMatchObject({ kind: 'view' });
      expect(parts.halts.now()).toMatchObject({ kind: 'suspended', by: 'anna on cellar' });
      // Nobody is asked on.
      expect(parts.questions).toEqual([]);
      expect(await answer('enforce', '{"by":"anna","cleared":true}', tells)).toMatchObject({ kind: 'view' });
      expect(parts.halts.now()).toBeUndefined();
      expect(await answer('clear', '{"confirm":true}', tells)).toMatchObject({ kind: 'refused' });
    },
  );

  it('leaves alone what was cleared on the spot', async () => {
    await run('clear', { by: 'bob', confirm: true });
    await answer('suspend', '{"by":"anna","for":"1s"}');
    const said = await answer('enforce', '{"by":"anna"}');
    expect(said.kind === 'view' ? JSON.parse(said.json) : said).toMatchObject({
      changed: false,
      problem: 'it was cleared there by bob: hedgerow enforce on that router ends that',
    });
    expect(parts.halts.now()).toMatchObject({ kind: 'cleared', by: 'bob' });
  });

  it.each(['', '[]', '{"by":7}', '{"for":"forever"}', '{"for":"25h"}', '{"confirm":1}'])(
    'halts nothing for %s',
    async (params) => {
      expect(await answer('suspend', params)).toMatchObject({ kind: 'refused' });
      expect(parts.halts.now()).toBeUndefined();
    },
  );

  it('for anything else is refused: nothing that changes or asks on can be asked', async () => {
    const told = ['suspend', 'enforce'];
    const names = [...methodsOf(parts).keys()].filter((each) => !ASKABLE.has(each) && !told.includes(each));
    expect(names).toContain('block');
    for (const each of [...names, '', '__proto__', 'no such thing'])
      expect(await answer(each)).toMatchObject({ kind: 'refused', why: { name: 'UsageError' } });
    expect(parts.announced).toEqual([]);
  });

  it('with parameters that it does not know is refused', async () => {
    for (const params of ['', '{', '[]', '{"top":-1}', '{"no":1}'])
      expect(await answer('flows', params)).toMatchObject({ kind: 'refused', why: { name: 'UsageError' } });
  });

  it('is refused by a router that tells the others nothing', async () => {
    expect(await answer('status', '{}', false)).toMatchObject({
      kind: 'refused',
      why: { message: 'this router tells the others nothing' },
    });
  });

  it('hides a fault', async () => {
    // A status needs an observer, which these parts do not have.
    expect(await answer('status')).toMatchObject({
      kind: 'refused',
      why: { name: 'InternalError', exitCode: 70 },
    });
  });
});

it('JSON of others is a verdict', () => {
  expect(readForeignJson('{"a":[1,"]]]]\\"[[["]}')).toEqual({ value: { a: [1, ']]]]"[[['] } });
  expect(readForeignJson(`"${'['.repeat(1_000)}"`)).toEqual({ value: '['.repeat(1_000) });
  for (const text of ['', 'nope', '[', '['.repeat(33) + ']'.repeat(33), '\\', '"\\'])
    expect(readForeignJson(text)).toBeUndefined();
});
